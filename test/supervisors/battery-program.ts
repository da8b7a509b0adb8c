/** The five ways to behave as a program for Node, for kinds that run one. It prints `up` when it is ready. */
import type { Behaviour } from "./battery.ts";

const PROGRAMS: Readonly<Record<Behaviour, string>> = {
  runs: 'process.on("SIGTERM", () => process.exit(0)); setInterval(() => {}, 1000); console.log("up");',
  ends: 'console.log("up"); setTimeout(() => process.exit(0), 100);',
  crashes: 'console.log("up"); setTimeout(() => process.exit(3), 100);',
  deaf: `process.on("SIGTERM", () => {});
    const program = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("up");';
    const stdio = ["ignore", "pipe", "inherit"];
    const child = require("node:child_process").spawn(process.execPath, ["-e", program], { stdio });
    child.stdout.once("data", () => console.log("up"));
    setInterval(() => {}, 1000);`,
  cannot: 'console.error("no configuration"); process.exit(4);',
};

/** The words after `node`. */
export function programArguments(behaviour: Behaviour): string[] {
  return ["-e", PROGRAMS[behaviour]];
}
