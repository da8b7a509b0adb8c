import test from "ava";
import { Connection } from "../../src/net/connection.ts";
import { Poller } from "../../src/net/poller.ts";
import { SessionListener } from "../../src/net/session-listener.ts";
import { wsTransport } from "../../src/net/transport-ws.ts";
import { systemClock } from "../../src/runtime/ports/clock.ts";
import { systemRandom } from "../../src/runtime/ports/random.ts";
import { ManualClock, settle } from "../kit/manual-clock.ts";
import { authenticate, bytes, targetsOf, text } from "../kit/session-pair.ts";

/** A poller, and how often it asked whether it is wanted: once a turn. */
function counted(wanted: () => boolean = () => true) {
  const clock = new ManualClock();
  const seen = { turns: 0 };
  const poller = new Poller(clock, () => {
    seen.turns++;
    return wanted();
  });
  return { clock, seen, poller };
}

test("it turns while it is wanted, and sleeps a millisecond after the last word", async (t) => {
  const { clock, seen, poller } = counted();
  await settle();
  t.is(seen.turns, 0, "nothing was said yet");
  poller.poke();
  await settle(10);
  t.true(seen.turns >= 9);
  await clock.advance(1);
  const { turns } = seen;
  await settle(10);
  t.true(seen.turns <= turns + 1);
  poller.poke();
  await settle(10);
  t.true(seen.turns >= turns + 9);
  poller.stop();
});

test("it sleeps at once when nothing is awaited, or it is stopped", async (t) => {
  let wanted = true;
  const { seen, poller } = counted(() => wanted);
  poller.poke();
  await settle(3);
  wanted = false;
  await settle(3);
  const { turns } = seen;
  await settle(10);
  t.is(seen.turns, turns);
  wanted = true;
  poller.poke();
  poller.stop();
  await settle(10);
  t.is(seen.turns, turns);
});

test("it sleeps even when the clock stands still", async (t) => {
  const { seen, poller } = counted();
  poller.poke();
  await settle(12_000);
  const { turns } = seen;
  t.true(turns > 9_000 && turns < 11_000);
  await settle(10);
  t.is(seen.turns, turns);
});

test("two ends that keep awake talk as others do", async (t) => {
  const ports = { clock: systemClock, random: systemRandom, latency: "low" as const };
  const targets = targetsOf({ "echo.say": (call) => Promise.resolve(call.payload) });
  await using listener = await SessionListener.listen({
    transport: wsTransport(),
    authenticate,
    targets,
    ...ports,
  });
  await using connection = new Connection({
    address: listener.address,
    transport: wsTransport(),
    token: "good",
    ...ports,
  });
  await connection.ready();
  for (let i = 0; i < 20; i++) t.is(text(await connection.call("echo", "say", bytes(`${i}`))), `${i}`);
});
