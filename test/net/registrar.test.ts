import test from "ava";
import type { Channel, ChannelCallOptions, InboundCall, Outcome, Payload } from "../../src/net/channel.ts";
import { EndpointRegistrar } from "../../src/net/registrar.ts";
import { type ServiceHandlers, serviceTarget } from "../../src/net/service.ts";
import { Control, type ControlMethods, type Endpoint } from "../../src/net/wire/iris.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import { ManualClock, settle } from "../kit/manual-clock.ts";
import { RecordingLogger } from "../kit/recording-logger.ts";
import { SeededRandom } from "../kit/seeded-random.ts";

const LEASE_MS = 30_000;

/** A controller that keeps endpoints in a map, behind a channel that can be cut. */
class ScriptedController implements Channel {
  readonly endpoints = new Map<string, Endpoint>();
  readonly calls: string[] = [];
  isUp = true;
  /** Answers are lost after the work was done. */
  losesAnswers = false;
  refusal: IrisError | undefined;
  readonly #ups = new Set<() => void>();
  readonly #target = serviceTarget<ControlMethods>(Control, {
    registerEndpoint: async ({ endpoint, namespace }) => {
      if (this.refusal !== undefined) throw this.refusal;
      if (endpoint === undefined) throw new IrisError("INVALID_ARGUMENT", "no endpoint");
      const stored = { ...endpoint, namespace: namespace || "default", taskId: "root/0" };
      this.endpoints.set(stored.endpointId, stored);
      return { endpoint: stored, leaseMs: LEASE_MS };
    },
    unregisterEndpoint: async ({ endpointId }) => ({ existed: this.endpoints.delete(endpointId) }),
    renewEndpoints: async ({ endpointIds }) => ({ unknown: endpointIds.filter((id) => !this.endpoints.has(id)) }),
  } as Partial<ServiceHandlers<ControlMethods>> as ServiceHandlers<ControlMethods>);

  onUp(fn: () => void): () => void {
    this.#ups.add(fn);
    return () => this.#ups.delete(fn);
  }

  up(): void {
    this.isUp = true;
    for (const fn of this.#ups) fn();
  }

  call(_target: string, method: string, payload: Payload, _options?: ChannelCallOptions): Outcome {
    this.calls.push(method);
    const answer = async () => {
      if (!this.isUp) throw new IrisError("UNAVAILABLE", "the controller is away");
      const reply = await this.#target.handle({ method, payload } as InboundCall);
      if (this.losesAnswers) throw new IrisError("LOST", "cut", { maybeExecuted: true });
      return reply as Payload;
    };
    return answer() as Promise<Payload> as Outcome;
  }

  tell(): boolean {
    return false;
  }

  count(method: string): number {
    return this.calls.filter((called) => called === method).length;
  }
}

function kit() {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const controller = new ScriptedController();
  const registrar = new EndpointRegistrar({ channel: controller, clock, random: new SeededRandom(1), logger });
  return { clock, logger, controller, registrar };
}

test("a registration is stored as the controller says, with the id that was made here", async (t) => {
  const { controller, registrar, clock } = kit();
  const endpoint = await registrar.register("calc", "ws://h:1", { zone: "a" }, "secret");
  t.deepEqual(controller.endpoints.get(endpoint.endpointId), endpoint);
  t.like(endpoint, { name: "calc", address: "ws://h:1", metadata: { zone: "a" }, token: "secret", taskId: "root/0" });
  t.regex(endpoint.endpointId, /^[\w-]{16}$/);
  await registrar.close();
  t.is(controller.endpoints.size, 0);
  t.is(clock.pending, 0);
});

test("leases are renewed at a third, and what the controller has forgotten is registered again", async (t) => {
  const { controller, registrar, clock } = kit();
  const { endpointId } = await registrar.register("calc", "ws://h:1");
  await clock.advance(LEASE_MS / 3 - 1);
  t.is(controller.count("renewEndpoints"), 0);
  await clock.advance(1);
  t.is(controller.count("renewEndpoints"), 1);
  controller.endpoints.clear();
  await clock.advance(LEASE_MS / 3);
  t.deepEqual([...controller.endpoints.keys()], [endpointId]);
  await registrar.close();
  t.is(clock.pending, 0);
});

test("a lost answer leads to the same registration, not to a second one", async (t) => {
  const { controller, registrar, clock } = kit();
  controller.losesAnswers = true;
  const registering = registrar.register("calc", "ws://h:1");
  await settle();
  controller.losesAnswers = false;
  await clock.advance(200);
  const { endpointId } = await registering;
  t.is(controller.count("registerEndpoint"), 2);
  t.deepEqual([...controller.endpoints.keys()], [endpointId]);
  await registrar.close();
});

test("registering waits for a controller that is away, and goes on as soon as it is there", async (t) => {
  const { controller, registrar, clock } = kit();
  controller.isUp = false;
  const registering = registrar.register("calc", "ws://h:1");
  await settle();
  controller.up();
  await registering;
  t.is(controller.endpoints.size, 1);
  await registrar.close();
  t.is(clock.pending, 0);
});

test("registering gives up after thirty seconds, and leaves nothing behind", async (t) => {
  const { controller, registrar, clock } = kit();
  controller.isUp = false;
  const registering = t.throwsAsync(registrar.register("calc", "ws://h:1"));
  await clock.advance(30_000);
  t.is(((await registering) as IrisError).code, "UNAVAILABLE");
  controller.up();
  await clock.advance(2 * LEASE_MS);
  t.is(controller.endpoints.size, 0);
  t.is(clock.pending, 0);
});

test("after a reconnection everything is registered again at once", async (t) => {
  const { controller, registrar } = kit();
  await registrar.register("a", "ws://h:1");
  await registrar.register("b", "ws://h:1");
  controller.isUp = false;
  controller.endpoints.clear();
  controller.up();
  await settle();
  t.deepEqual([...controller.endpoints.values()].map(({ name }) => name).sort(), ["a", "b"]);
  await registrar.close();
});

test("a renewal that fails is tried again", async (t) => {
  const { controller, registrar, clock, logger } = kit();
  await registrar.register("calc", "ws://h:1");
  controller.isUp = false;
  await clock.advance(LEASE_MS / 3);
  t.is(logger.lines.filter(({ level }) => level === "warn").length, 1);
  controller.isUp = true;
  await clock.advance(LEASE_MS / 3);
  t.is(controller.count("renewEndpoints"), 2);
  await registrar.close();
});

test("what the controller refuses for good is reported to the caller, or given up and logged if it was registered", async (t) => {
  const { controller, registrar, clock, logger } = kit();
  await registrar.register("calc", "ws://h:1");
  controller.refusal = new IrisError("FAILED_PRECONDITION", "the attempt has ended");
  const error = await t.throwsAsync(registrar.register("late", "ws://h:1"));
  t.is((error as IrisError).code, "FAILED_PRECONDITION");
  controller.endpoints.clear();
  await clock.advance(LEASE_MS / 3);
  t.is(logger.lines.filter(({ level }) => level === "error").length, 1);
  await clock.advance(LEASE_MS);
  t.is(clock.pending, 0);
  await registrar.close();
});

test("unregistering takes it back once; another id is fine", async (t) => {
  const { controller, registrar } = kit();
  const { endpointId } = await registrar.register("calc", "ws://h:1");
  await registrar.unregister(endpointId);
  await registrar.unregister(endpointId);
  await registrar.unregister("unheard-of");
  t.is(controller.endpoints.size, 0);
  t.is(controller.count("unregisterEndpoint"), 1);
  await registrar.close();
});

test("a registration that is taken back while its answer is on the way does not stay", async (t) => {
  const { controller, registrar } = kit();
  const registering = registrar.register("calc", "ws://h:1");
  await registrar.close();
  await registering.catch(() => undefined);
  await settle();
  t.is(controller.endpoints.size, 0);
});

test("closing ends within its bound although the controller is away, and ends registrations that wait", async (t) => {
  const { controller, registrar, clock } = kit();
  await registrar.register("a", "ws://h:1");
  controller.isUp = false;
  const waiting = t.throwsAsync(registrar.register("b", "ws://h:1"));
  await settle();
  await registrar.close();
  await registrar.close();
  t.is(((await waiting) as IrisError).code, "CANCELLED");
  t.is(clock.pending, 0);
  t.is(((await t.throwsAsync(registrar.register("c", "ws://h:1"))) as IrisError).code, "CANCELLED");
});
