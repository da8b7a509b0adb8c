import test from "ava";
import { ClusterResolver } from "../../../src/cluster/client/resolver.ts";
import type { Endpoint, EndpointSet } from "../../../src/net/wire/iris.ts";
import { FAKE_TOKEN, FakeControl } from "../../kit/fake-control.ts";
import { settle } from "../../kit/manual-clock.ts";

function resolverOf(control: FakeControl, more: { namespace?: string; token?: string } = {}): ClusterResolver {
  const { url, clock, random, network } = control;
  return new ClusterResolver(url, {
    token: FAKE_TOKEN,
    transport: network.transport("laptop"),
    clock,
    random,
    ...more,
  });
}

function endpoint(id: string, more: Partial<Endpoint> = {}): Endpoint {
  const address = `ws://${id}:9000`;
  return { endpointId: id, name: "calc", namespace: "default", address, metadata: {}, token: "", taskId: "", ...more };
}

/** Sets that a test pushes to whoever watches. */
class Sets {
  #wake: () => void = () => {};
  #next: EndpointSet | undefined;

  push(...endpoints: Endpoint[]): void {
    this.#next = { endpoints };
    this.#wake();
  }
  async *read(signal: AbortSignal): AsyncGenerator<EndpointSet> {
    signal.addEventListener("abort", () => this.#wake(), { once: true });
    while (!signal.aborted) {
      const set = this.#next;
      this.#next = undefined;
      if (set !== undefined) yield set;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

test("a pool follows what the controller pushes, and stops following when it is closed", async (t) => {
  const sets = new Sets();
  let watchers = 0;
  const control = await new FakeControl({
    async *watchEndpoints(_, call) {
      watchers++;
      try {
        yield* sets.read(call.signal);
      } finally {
        watchers--;
      }
    },
  }).start();
  const resolver = resolverOf(control, { namespace: "mine" });
  const pool = resolver.lookup<{ add(a: number): number }>("calc");
  t.is(pool.size, 0);
  const two = pool.waitForSize(2);
  await settle();
  t.deepEqual(control.requests("watchEndpoints"), [{ name: "calc", namespace: "mine" }]);
  sets.push(endpoint("a"));
  await settle();
  t.is(pool.size, 1);
  sets.push(endpoint("a"), endpoint("b"));
  await two;
  sets.push(endpoint("b"));
  await settle();
  t.deepEqual(
    pool.endpoints.map(({ endpointId }) => endpointId),
    ["b"],
  );
  await pool.close();
  await settle();
  t.is(watchers, 0);
  await resolver.close();
  await control.stop();
  t.is(control.clock.pending, 0);
});

test("members stay while the controller is away, and are followed again when it is back", async (t) => {
  const control = new FakeControl();
  let sets = new Sets();
  control.handlers.watchEndpoints = (_, call) => sets.read(call.signal);
  await control.start();
  const resolver = resolverOf(control);
  const pool = resolver.lookup("calc");
  await settle();
  sets.push(endpoint("a"));
  await settle();
  await control.stop();
  await control.clock.advance(60_000);
  t.is(pool.size, 1);
  sets = new Sets();
  sets.push(endpoint("b"), endpoint("c"));
  await control.start();
  await control.within(10_000, pool.waitForSize(2));
  t.is(pool.size, 2);
  await resolver.close();
  await control.stop();
  t.is(control.clock.pending, 0);
});

test("a name is resolved exactly: others that begin with it are not its own", async (t) => {
  const control = await new FakeControl({
    listEndpoints: () => ({ endpoints: [endpoint("a"), endpoint("b", { name: "calculator" })] }),
  }).start();
  const resolver = resolverOf(control);
  t.deepEqual(
    (await resolver.resolve("calc")).map(({ endpointId }) => endpointId),
    ["a"],
  );
  t.deepEqual(control.requests("listEndpoints"), [{ prefix: "calc", namespace: "" }]);
  await resolver.close();
  await control.stop();
});

test("bad names, namespaces and URLs are refused, and a closed resolver looks nothing up", async (t) => {
  const control = await new FakeControl().start();
  const resolver = resolverOf(control);
  t.throws(() => resolver.lookup("Bad Name"), { code: "INVALID_ARGUMENT", message: /endpoint name "Bad Name"/ });
  await t.throwsAsync(resolver.resolve("a/b"), { code: "INVALID_ARGUMENT" });
  t.throws(() => resolverOf(control, { namespace: "No Space" }), { code: "INVALID_ARGUMENT" });
  t.throws(() => new ClusterResolver("controller:8080", { token: "t" }), { code: "INVALID_ARGUMENT" });
  await resolver.close();
  await resolver.close();
  t.throws(() => resolver.lookup("calc"), { code: "CANCELLED" });
  await control.stop();
});

test("a pool of a resolver whose token is refused says so to whoever calls", async (t) => {
  const control = await new FakeControl().start();
  const resolver = resolverOf(control, { token: "another" });
  await t.throwsAsync(resolver.resolve("calc"), { code: "UNAUTHENTICATED" });
  const pool = resolver.lookup<{ add(a: number): number }>("calc");
  const waiting = pool.call().add(1);
  await t.throwsAsync(waiting, { code: "UNAUTHENTICATED" });
  await t.throwsAsync(pool.call().add(1), { code: "UNAUTHENTICATED" });
  await t.throwsAsync(pool.waitForSize(1), { code: "UNAUTHENTICATED" });
  await resolver.close();
  await control.stop();
});
