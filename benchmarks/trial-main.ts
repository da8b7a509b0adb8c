/** The process of one trial: `node trial-main.ts SUBJECT CASE [DIRECTORY]`. Prints the figure as JSON on its last line. */
const [subject = "", caseId = "", directory = "subjects"] = process.argv.slice(2);
const file = subject === "before" ? "iris" : subject;
const place = subject === "floor" ? "./floors/mailbox.ts" : `./${directory}/${file}.ts`;
const { cases } = (await import(place)) as { cases: Readonly<Record<string, () => Promise<number>>> };
const measure = cases[caseId];
if (measure === undefined) throw new Error(`${subject} has no case ${caseId}`);
const value = await measure();
process.stdout.write(`\n${JSON.stringify({ value })}\n`);
// Some peers keep timers; the figure is taken, nothing is left to wait for.
process.exit(0);
