import test from "ava";
import { IrisError } from "../../src/runtime/errors.ts";
import { actor, dynamic, processChild, service, supervise } from "../../src/supervisors/index.ts";
import { SUPERVISION_LIMITS } from "../../src/supervisors/limits.ts";
import { LineSplitter } from "../../src/supervisors/line-splitter.ts";

const a = service("a", () => {});
const refused: [string, () => unknown, RegExp][] = [
  ["two children of one id", () => supervise({ name: "s", children: [a, a] }), /two children with id "a"/],
  ["no children at all", () => supervise({ name: "s" } as never), /are not an array/],
  ["what is no spec", () => supervise({ name: "s", children: [{ id: "x" } as never] }), /is no child spec/],
  ["an empty name", () => supervise({ name: "", children: [] }), /"" is not allowed/],
  ["a slash in an id", () => service("a/b", () => {}), /child id "a\/b" is not allowed/],
  ["an id that is too long", () => service("x".repeat(128), () => {}), /1 to 127 of/],
  [
    "an unknown strategy",
    () => supervise({ name: "s", strategy: "one_for_one" as never, children: [] }),
    /use one of "oneForOne"/,
  ],
  [
    "negative restarts",
    () => supervise({ name: "s", intensity: { maxRestarts: -1, withinMs: 1 }, children: [] }),
    /maxRestarts is -1/,
  ],
  [
    "half a restart",
    () => supervise({ name: "s", intensity: { maxRestarts: 0.5, withinMs: 1 }, children: [] }),
    /whole number/,
  ],
  [
    "an empty window",
    () => supervise({ name: "s", intensity: { maxRestarts: 1, withinMs: 0 }, children: [] }),
    /withinMs is 0/,
  ],
  [
    "an unknown restart",
    () => service("a", () => {}, { restart: "always" as never }),
    /restart of child "a" is "always"/,
  ],
  ["a negative shutdown time", () => service("a", () => {}, { shutdownMs: -1 }), /shutdownMs of child "a" is -1/],
  [
    "a shutdown time that is no number",
    () => service("a", () => {}, { shutdownMs: Number.NaN }),
    /use ms from 0, "kill" or "infinity"/,
  ],
  [
    "a backoff that shrinks",
    () => service("a", () => {}, { backoff: { minMs: 2, maxMs: 1 } }),
    /maxMs of child "a" is 1/,
  ],
  [
    "a jitter above 1",
    () => service("a", () => {}, { backoff: { minMs: 1, maxMs: 2, jitter: 2 } }),
    /jitter of child "a" is 2/,
  ],
  [
    "significant without autoShutdown",
    () => supervise({ name: "s", children: [service("a", () => {}, { restart: "temporary", significant: true })] }),
    /autoShutdown "never"/,
  ],
  [
    "significant and permanent",
    () =>
      supervise({
        name: "s",
        autoShutdown: "anySignificant",
        children: [service("a", () => {}, { significant: true })],
      }),
    /would never count/,
  ],
  ["a service without a function", () => service("a", undefined as never), /wants a function/],
  ["no time to start", () => service("a", () => {}, { startTimeoutMs: 0 }), /startTimeoutMs/],
  ["an actor without a class", () => actor(undefined as never, { id: "a" }), /wants a class/],
  ["a process without a command", () => processChild("p", []), /wants \["command"/],
  [
    "a readiness that looks for nothing",
    () => processChild("p", ["x"], { ready: { line: "" } }),
    /ready of process "p"/,
  ],
  ["a port that is none", () => processChild("p", ["x"], { ready: { port: 70_000 } }), /1 to 65535/],
  ["a URL that is none", () => processChild("p", ["x"], { ready: { http: "ftp://x" } }), /ready of process "p"/],
  ["a template that makes nothing", () => dynamic("d", {} as never), /no child spec and no function/],
];

for (const [what, make, message] of refused) {
  test(`refused with INVALID_ARGUMENT: ${what}`, (t) => {
    const error = t.throws(make, { instanceOf: IrisError, message });
    t.is((error as IrisError).code, "INVALID_ARGUMENT");
  });
}

test("defaults: permanent, 5 s to stop; a supervisor takes as long as its children need", (t) => {
  t.like(a, { restart: "permanent", shutdownMs: 5_000, significant: false, kind: "service" });
  const tree = supervise({ name: "s", children: [a] });
  t.like(tree, {
    id: "s",
    strategy: "oneForOne",
    intensity: { maxRestarts: 3, withinMs: 5_000 },
    shutdownMs: "infinity",
  });
});

test("output is cut into lines, over any border of chunks, characters and lines that never end", (t) => {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  const bytes = Buffer.from("one\r\ntwo é\n\nlast");
  for (const byte of bytes) splitter.push(Buffer.from([byte]));
  splitter.end();
  t.deepEqual(lines, ["one", "two é", "", "last"]);
  lines.length = 0;
  for (let chunk = 0; chunk < 5; chunk++) splitter.push(Buffer.alloc(SUPERVISION_LIMITS.lineChars, "x"));
  splitter.push(Buffer.from("\nnext\n"));
  t.is(lines.length, 2);
  t.regex(lines[0] ?? "", /^x{65536} \(cut after 65536 characters\)$/);
  t.is(lines[1], "next");
});
