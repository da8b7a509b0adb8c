/** Named addresses: who owns them, who sees them, when they vanish. */
import test from "ava";
import { endpointsByName, endpointsByPrefix } from "../../../src/cluster/controller/endpoint.ts";
import type { Identity } from "../../../src/net/channel.ts";
import type { Endpoint } from "../../../src/net/wire/iris.ts";
import { FAILED, Journey, USER } from "./journey.ts";

function endpoint(endpointId: string, name = "calculator"): Endpoint {
  return { endpointId, name, namespace: "", address: `ws://h/${endpointId}`, metadata: {}, token: "t", taskId: "" };
}

function task() {
  const j = new Journey();
  j.worker("w");
  const id = j.submit({ maxRetriesFailure: 1 });
  j.start(`${id}/0`);
  const by = j.taskIdentity(`${id}/0`);
  const register = (endpointId: string, who: Identity = by, namespace = "") =>
    j.run({ kind: "registerEndpoint", endpoint: endpoint(endpointId), namespace, by: who });
  const names = (namespace: string) =>
    endpointsByName(j.state, namespace, "calculator").map(({ endpointId }) => endpointId);
  return { j, id, by, register, names };
}

test("a task registers in its hierarchy's namespace, whatever it says; several may share a name", (t) => {
  const { id, register, names } = task();
  t.is(register("a", undefined, "default").endpoint.namespace, id);
  t.is(register("b").endpoint.taskId, `${id}/0`);
  t.deepEqual(names(id), ["a", "b"]);
  t.deepEqual(names("default"), []);
});

test("a user registers in default, or in any namespace that it names", (t) => {
  const { register, names } = task();
  register("a", USER);
  register("b", USER, "elsewhere");
  t.deepEqual([names("default"), names("elsewhere")], [["a"], ["b"]]);
});

test("a registration that is repeated is the same registration; another owner's id is refused", (t) => {
  const { j, id, register, names } = task();
  register("a");
  register("b");
  register("a");
  t.deepEqual(names(id), ["a", "b"]);
  t.throws(() => register("a", USER), { code: "ALREADY_EXISTS" });
  t.deepEqual(j.effects, []);
});

test("the endpoints of an attempt vanish in the step that ends it, and it registers no more", (t) => {
  const { j, id, by, register, names } = task();
  register("a");
  j.exit(j.attempt(`${id}/0`), FAILED);
  t.deepEqual(names(id), []);
  t.true(j.effects.some((effect) => effect.kind === "endpointsChanged" && effect.key === `${id}/calculator`));
  j.pass(60_000);
  j.start(`${id}/0`);
  t.throws(() => register("b", by), { code: "FAILED_PRECONDITION" });
});

test("an attempt that is told to stop loses its endpoints at once and registers no more", (t) => {
  const { j, id, register, names } = task();
  register("a");
  j.run({ kind: "terminate", jobId: id, by: USER });
  t.deepEqual(names(id), []);
  t.throws(() => register("a"), { code: "FAILED_PRECONDITION", message: /is STOPPING/ });
});

test("a lease of 30 s holds an endpoint; renewed it holds on, forgotten it goes", (t) => {
  const { j, id, by, register, names } = task();
  register("a");
  register("b");
  j.pass(29_999);
  t.deepEqual(j.run({ kind: "renewEndpoints", endpointIds: ["a", "none"], by }), { unknown: ["none"] });
  j.pass(1);
  t.deepEqual(names(id), ["a"]);
  j.pass(29_999);
  t.deepEqual(names(id), []);
});

test("only its owner, or a user, takes an endpoint back or keeps it alive", (t) => {
  const { j, id, by, register, names } = task();
  register("a");
  const other = { ...by, attemptUid: "other" };
  t.deepEqual(j.run({ kind: "renewEndpoints", endpointIds: ["a"], by: other }), { unknown: ["a"] });
  t.throws(() => j.run({ kind: "unregisterEndpoint", endpointId: "a", by: other }), { code: "PERMISSION_DENIED" });
  t.deepEqual(j.run({ kind: "unregisterEndpoint", endpointId: "a", by }), { existed: true });
  t.deepEqual(j.run({ kind: "unregisterEndpoint", endpointId: "a", by }), { existed: false });
  t.deepEqual(names(id), []);
});

test("endpoints are listed by prefix, by name and then by age, within one namespace", (t) => {
  const { j } = task();
  for (const [id, name] of [
    ["1", "b"],
    ["2", "a"],
    ["3", "b"],
    ["4", "c"],
  ] as const) {
    j.run({ kind: "registerEndpoint", endpoint: endpoint(id, name), namespace: "n", by: USER });
  }
  t.deepEqual(
    endpointsByPrefix(j.state, "n", "").map(({ endpointId }) => endpointId),
    ["2", "1", "3", "4"],
  );
  t.deepEqual(
    endpointsByPrefix(j.state, "n", "b").map(({ endpointId }) => endpointId),
    ["1", "3"],
  );
  t.deepEqual(endpointsByPrefix(j.state, "m", ""), []);
});
