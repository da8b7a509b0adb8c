import test from "ava";
import fc from "fast-check";
import { Entrypoint } from "../../../src/cluster/job/entrypoint.ts";
import { nearest } from "../../../src/cluster/job/nearest.ts";
import {
  checkIdempotencyKey,
  type JobRequest,
  type RequestContext,
  toIfExists,
  toJobSpec,
} from "../../../src/cluster/job/request.ts";

const entrypoint = Entrypoint.fromCommand(["true"]);
const context: RequestContext = {
  workspace: "/home/me/project",
  cwd: "/home/me",
  pack: () => ({ command: { argv: ["true"] } }),
};
const spec = (request: object) => toJobSpec({ name: "a", entrypoint, ...request } as JobRequest, context);

test("a request that names nothing but the job and its entrypoint has every default filled in", (t) => {
  t.deepEqual(spec({}), {
    name: "a",
    entrypoint: { command: { argv: ["true"] } },
    resources: { cpuMillis: 1000, memoryBytes: 512 * 1024 ** 2, diskBytes: 0, gpus: 0 },
    replicas: 1,
    env: {},
    ports: [],
    workspace: "/home/me/project",
    maxRetriesFailure: 0,
    maxRetriesPreemption: 100,
    maxTaskFailures: 0,
    timeoutMs: 0,
    schedulingTimeoutMs: 0,
    detached: false,
    onRetry: "ON_RETRY_DEFAULT",
    graceMs: 5_000,
  });
});

test("everything that is asked for is in the spec", (t) => {
  const full: JobRequest = {
    name: "train",
    entrypoint,
    resources: { cpu: 0.5, memory: "2GB", disk: "1GiB", gpu: 1 },
    replicas: 3,
    env: { LEVEL: "debug" },
    ports: ["http", "metrics"],
    workspace: "other",
    maxRetriesFailure: 2,
    maxRetriesPreemption: 7,
    maxTaskFailures: 1,
    timeoutMs: 1_000.2,
    schedulingTimeoutMs: 60_000,
    detached: true,
    onRetry: "keep",
    graceMs: 0,
    ifExists: "keep",
    idempotencyKey: "k",
  };
  t.deepEqual(toJobSpec(full, context), {
    name: "train",
    entrypoint: { command: { argv: ["true"] } },
    resources: { cpuMillis: 500, memoryBytes: 2e9, diskBytes: 1024 ** 3, gpus: 1 },
    replicas: 3,
    env: { LEVEL: "debug" },
    ports: ["http", "metrics"],
    workspace: "/home/me/other",
    maxRetriesFailure: 2,
    maxRetriesPreemption: 7,
    maxTaskFailures: 1,
    timeoutMs: 1_001,
    schedulingTimeoutMs: 60_000,
    detached: true,
    onRetry: "KEEP",
    graceMs: 0,
  });
});

test("a workspace is the job's own, the client's, none, or the parent job's", (t) => {
  t.is(spec({ workspace: "/elsewhere" }).workspace, "/elsewhere");
  t.is(spec({}).workspace, "/home/me/project");
  t.is(spec({ workspace: null }).workspace, "");
  t.false("workspace" in toJobSpec({ name: "a", entrypoint }, { ...context, workspace: undefined }));
});

test("the entrypoint is packed against the workspace of the job, and only when all else is right", (t) => {
  const packedAgainst: unknown[] = [];
  const pack: RequestContext["pack"] = (_, workspace) => {
    packedAgainst.push(workspace);
    return { command: { argv: ["true"] } };
  };
  toJobSpec({ name: "a", entrypoint, workspace: "x" }, { ...context, pack });
  toJobSpec({ name: "a", entrypoint, workspace: null }, { ...context, pack });
  t.throws(() => toJobSpec({ name: "a", entrypoint, replicas: 0 }, { ...context, pack }));
  t.deepEqual(packedAgainst, ["/home/me/x", null]);
});

const REFUSED: [what: string, request: object, message: RegExp][] = [
  ["a key with a typing error", { replica: 2 }, /no "replica": did you mean "replicas"\?/],
  ["a key in another case", { timeoutMS: 2 }, /did you mean "timeoutMs"\?/],
  ["a key that nothing is near to", { xyzzyplugh: 2 }, /no "xyzzyplugh": known are name, entrypoint,/],
  ["a key of Object.prototype", { constructor: 2 }, /no "constructor"/],
  ["an image", { image: "node:24" }, /no "image"/],
  ["a gang", { gang: { by: "rack" } }, /no "gang"/],
  ["a name with a capital", { name: "Train" }, /job name "Train" is not allowed/],
  ["a name with a slash", { name: "a/b" }, /job name "a\/b"/],
  ["a numeric name", { name: "7" }, /job name "7"/],
  ["a name of 64 characters", { name: "a".repeat(64) }, /job name/],
  ["no name", { name: undefined }, /job name undefined/],
  ["a command in place of an entrypoint", { entrypoint: ["true"] }, /Entrypoint.fromCallable/],
  ["no replicas", { replicas: 0 }, /replicas 0 is not allowed: use a whole number from 1 to 10000/],
  ["too many replicas", { replicas: 10_001 }, /replicas 10001 /],
  ["half a replica", { replicas: 1.5 }, /replicas 1.5 /],
  ["replicas as text", { replicas: "3" }, /replicas "3" /],
  ["replicas that are no number", { replicas: Number.NaN }, /replicas NaN /],
  ["negative processor time", { resources: { cpu: -1 } }, /cpu -1/],
  ["an unknown resource", { resources: { tpu: 1 } }, /no "tpu"/],
  ["a size without meaning", { resources: { memory: "2 elephants" } }, /memory "2 elephants"/],
  ["a variable that is a number", { env: { N: 4 } }, /env\.N 4 is not allowed: variables are text/],
  ["a variable that is undefined", { env: { N: undefined } }, /env\.N of type undefined/],
  ["a variable with = in its name", { env: { "A=B": "1" } }, /env "A=B"/],
  ["a variable with NUL", { env: { A: "a\0b" } }, /env\.A/],
  ["variables as a list", { env: ["A=1"] }, /env \["A=1"\]/],
  ["a port that is a number", { ports: [80] }, /port name 80/],
  ["ports as one text", { ports: "http" }, /ports "http"/],
  ["two ports of one variable", { ports: ["a-b", "a.b"] }, /would both be IRIS_PORT_A_B: rename one/],
  ["a negative number of retries", { maxRetriesFailure: -1 }, /maxRetriesFailure -1 /],
  ["a time-out of 0", { timeoutMs: 0 }, /timeoutMs 0 .* above 0, or leave it out/],
  ["an infinite time-out", { schedulingTimeoutMs: Number.POSITIVE_INFINITY }, /schedulingTimeoutMs Infinity/],
  ["an endless grace", { graceMs: 3_600_001 }, /graceMs 3600001/],
  ["detached as text", { detached: "yes" }, /detached "yes"/],
  ["an unknown way to retry", { onRetry: "stop" }, /onRetry "stop" is not allowed: use one of terminate, keep/],
  ["an empty workspace", { workspace: "" }, /workspace "" is not allowed/],
];

for (const [what, request, message] of REFUSED) {
  test(`${what} is refused, with the value and the way out`, (t) => {
    t.throws(() => spec(request), { code: "INVALID_ARGUMENT", message });
  });
}

test("what is no request at all is refused", (t) => {
  t.throws(() => toJobSpec(undefined as never, context), { code: "INVALID_ARGUMENT" });
  t.throws(() => toJobSpec("train" as never, context), { code: "INVALID_ARGUMENT" });
});

test("the way to deal with a job of the same name is one of three", (t) => {
  t.is(toIfExists(undefined), "IF_EXISTS_DEFAULT");
  t.is(toIfExists("error"), "ERROR");
  t.is(toIfExists("keep"), "KEEP_EXISTING");
  t.is(toIfExists("replace"), "REPLACE");
  t.throws(() => toIfExists("overwrite" as never), { code: "INVALID_ARGUMENT", message: /error, keep, replace/ });
});

test("an idempotency key has 1 to 128 characters", (t) => {
  t.is(checkIdempotencyKey(undefined), undefined);
  t.is(checkIdempotencyKey("k".repeat(128)), "k".repeat(128));
  t.throws(() => checkIdempotencyKey(""), { code: "INVALID_ARGUMENT" });
  t.throws(() => checkIdempotencyKey("k".repeat(129)), { code: "INVALID_ARGUMENT", message: /1 to 128 characters/ });
});

test("what no controller would take is refused here", (t) => {
  const pack: RequestContext["pack"] = () => ({
    invocation: { callable: { reference: { module: "a", exportName: "b" } }, arguments: new Uint8Array(9 * 1024 ** 2) },
  });
  t.throws(() => toJobSpec({ name: "a", entrypoint }, { ...context, pack }), {
    code: "INVALID_ARGUMENT",
    message: /entrypoint takes 9437184 bytes: at most 8388608/,
  });
});

test("a spec does not change with the request it came from", (t) => {
  const env = { A: "1" };
  const ports = ["http"];
  const made = spec({ env, ports });
  env.A = "2";
  ports.push("metrics");
  t.deepEqual([made.env, made.ports], [{ A: "1" }, ["http"]]);
});

test("commands, functions and modules that are none are refused when the entrypoint is made", (t) => {
  const code = "INVALID_ARGUMENT";
  t.throws(() => Entrypoint.fromCommand([]), { code });
  t.throws(() => Entrypoint.fromCommand("ls -l" as never), { code, message: /\["python3", "train.py"\]/ });
  t.throws(() => Entrypoint.fromCommand([""]), { code });
  t.throws(() => Entrypoint.fromCommand(["echo", 3 as never]), { code, message: /argument 1 of the command is 3/ });
  t.throws(() => Entrypoint.fromCommand(["echo", "a\0b"]), { code });
  t.throws(() => Entrypoint.fromCallable("f" as never), { code, message: /must be a function, not string/ });
  t.throws(() => Entrypoint.fromModule("", "f"), { code });
  t.throws(() => Entrypoint.fromModule("./m.ts", ""), { code, message: /"default" is one/ });
});

test("any key other than the known ones is refused", (t) => {
  const known = new Set(Object.keys(spec({})).concat("ifExists", "idempotencyKey"));
  fc.assert(
    fc.property(fc.string(), (key) => {
      fc.pre(!known.has(key));
      const request = Object.fromEntries([
        ["name", "a"],
        ["entrypoint", entrypoint],
        [key, 1],
      ]) as unknown as JobRequest;
      if (!Object.hasOwn(request, key)) return;
      t.throws(() => toJobSpec(request, context), { code: "INVALID_ARGUMENT" });
    }),
    { numRuns: 200 },
  );
  t.pass();
});

test("a word with one typing error is answered with the word", (t) => {
  const words = ["replicas", "timeoutMs", "maxRetriesFailure", "workspace"];
  const anEdit = fc.record({
    word: fc.constantFrom(...words),
    at: fc.nat(),
    letter: fc.constantFrom("x", "q", "Z"),
    kind: fc.constantFrom("drop", "add", "change"),
  });
  fc.assert(
    fc.property(anEdit, ({ word, at, letter, kind }) => {
      const place = at % word.length;
      const rest = word.slice(place + (kind === "add" ? 0 : 1));
      t.is(nearest(word.slice(0, place) + (kind === "drop" ? "" : letter) + rest, words), word);
    }),
  );
});
