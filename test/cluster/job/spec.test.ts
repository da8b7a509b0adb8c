import test from "ava";
import { checkSpec } from "../../../src/cluster/job/spec.ts";
import type { JobSpec } from "../../../src/net/wire/iris.ts";
import { specOf } from "../controller/journey.ts";

const invocation = (callable: object, bytes = 0) => ({ invocation: { callable, arguments: new Uint8Array(bytes) } });
const source = { text: "() => 1", name: "f", file: "", line: 0, column: 0 };

test("what is in bounds is accepted", (t) => {
  for (const change of [
    {},
    { replicas: 10_000 },
    { workspace: "/w" },
    { workspace: "" },
    { workspace: "C:\\w" },
    { ports: ["http", "metrics"] },
    { entrypoint: invocation({ source }, 8 * 1024 * 1024 - 7) },
    { entrypoint: invocation({ reference: { module: "a.ts", exportName: "default" } }) },
  ] as Partial<JobSpec>[]) {
    t.notThrows(() => checkSpec(specOf(change)), JSON.stringify(change).slice(0, 80));
  }
});

const REFUSED: [string, Partial<JobSpec>, RegExp][] = [
  ["a bad name", { name: "X" }, /^job name "X"/],
  ["no replicas", { replicas: 0 }, /^replicas is 0: .* 1 to 10000/],
  ["too many replicas", { replicas: 10_001 }, /^replicas is 10001/],
  ["half a retry", { maxRetriesFailure: 0.5 }, /^maxRetriesFailure is 0.5/],
  ["a negative time-out", { timeoutMs: -1 }, /^timeoutMs is -1/],
  ["a time-out that is no number", { schedulingTimeoutMs: Number.NaN }, /^schedulingTimeoutMs is NaN/],
  ["an endless grace", { graceMs: 3_600_001 }, /^graceMs is 3600001/],
  ["no resources", { resources: undefined }, /^resources are missing/],
  [
    "negative resources",
    { resources: { cpuMillis: -1, memoryBytes: 0, diskBytes: 0, gpus: 0 } },
    /^resources.cpuMillis is -1/,
  ],
  ["no entrypoint", { entrypoint: undefined }, /either a command or an invocation/],
  [
    "two entrypoints",
    { entrypoint: { command: { argv: ["a"] }, ...invocation({ source }) } },
    /either a command or an invocation/,
  ],
  ["an empty command", { entrypoint: { command: { argv: [] } } }, /^command is empty/],
  ["a command without a program", { entrypoint: { command: { argv: [""] } } }, /^command is empty/],
  ["a zero byte in a command", { entrypoint: { command: { argv: ["a\0"] } } }, /zero byte/],
  ["a callable of no form", { entrypoint: invocation({}) }, /either a reference or a source/],
  [
    "a reference to nothing",
    { entrypoint: invocation({ reference: { module: "", exportName: "f" } }) },
    /module and its export/,
  ],
  [
    "too large arguments",
    { entrypoint: invocation({ source }, 8 * 1024 * 1024) },
    /^entrypoint takes 8388615 bytes: at most 8388608/,
  ],
  ["a bad variable", { env: { "A=B": "1" } }, /^env name "A=B"/],
  ["a zero byte in a variable", { env: { A: "\0" } }, /^env A holds a zero byte/],
  ["too much environment", { env: { A: "x".repeat(256 * 1024) } }, /^env takes 262145 bytes/],
  ["a bad port name", { ports: ["Http"] }, /^port name "Http"/],
  ["the same port twice", { ports: ["a-b", "a.b"] }, /IRIS_PORT_A_B/],
  ["too many ports", { ports: Array.from({ length: 65 }, (_, index) => `p${index}`) }, /^65 ports/],
  ["a relative workspace", { workspace: "w" }, /^workspace "w"/],
];
for (const [what, change, message] of REFUSED) {
  test(`refused: ${what}`, (t) => {
    t.throws(() => checkSpec(specOf(change)), { code: "INVALID_ARGUMENT", message });
  });
}
