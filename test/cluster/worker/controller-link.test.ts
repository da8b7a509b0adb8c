import test from "ava";
import { ControllerLink } from "../../../src/cluster/worker/controller-link.ts";
import { MemoryNetwork } from "../../../src/net/transport-memory.ts";
import type { ObservedAttempt } from "../../../src/net/wire/iris.ts";
import { silentLogger } from "../../../src/runtime/ports/logger.ts";
import { ManualClock } from "../../kit/manual-clock.ts";
import { SeededRandom } from "../../kit/seeded-random.ts";
import { ScriptedController } from "./scripted-controller.ts";
import { known, until } from "./worker-room.ts";

const MIB = 1024 * 1024;

function ended(uid: string, resultBytes: number): ObservedAttempt {
  const exit = { ok: true, hasResult: true, result: new Uint8Array(resultBytes), endedAtMs: 5 };
  return { uid, phase: "EXITED", exit, ports: {} };
}

test("many large results never make a message too large: all are reported, and a reconcile tells the first ones first", async (t) => {
  const clock = new ManualClock();
  const network = new MemoryNetwork();
  const controller = new ScriptedController();
  await controller.listen(network, clock);
  const all = Array.from({ length: 30 }, (_, index) => ended(`a${index}`, MIB));
  const link = new ControllerLink({
    address: "ws://controller:8080/rpc",
    transport: network.transport("w1"),
    token: "secret",
    workerId: "w1",
    incarnation: "i1",
    clock,
    random: new SeededRandom(1),
    logger: silentLogger,
    presentation: () => ({ host: "h", probeAddress: "h:1", attributes: {} }),
    apply: (desired) => all.filter(({ uid }) => desired.some((one) => one.uid === uid)),
    observed: (uids) => (uids === undefined ? all : all.filter(({ uid }) => [...uids].includes(uid))),
    onRegistered: () => {},
    onLost: () => {},
  });
  const stop = new AbortController();
  const running = link.run(stop.signal);
  await until(() => controller.observed.length === all.length);
  t.deepEqual(
    controller.heard.filter((line) => line.endsWith("EXITED")),
    all.map(({ uid }) => `${uid} EXITED`),
  );

  const heard = new Set<string>();
  for (let exchanges = 0; heard.size < all.length; exchanges++) {
    t.true(exchanges < 10, "each exchange gets further");
    const asked = all.filter(({ uid }) => !heard.has(uid)).map(({ uid }) => known(uid));
    const observed = await controller.reconcile(asked);
    t.is(observed.length, asked.length, "everything asked about is answered");
    t.true(observed.every(({ phase, exit }) => phase === "EXITED" || (phase === "STOPPING" && exit === undefined)));
    for (const { uid, phase } of observed) if (phase === "EXITED") heard.add(uid);
  }
  stop.abort();
  await running;
  await controller.stop();
  t.is(clock.pending, 0);
});
