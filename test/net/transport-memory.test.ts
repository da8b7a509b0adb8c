import test from "ava";
import type { Link } from "../../src/net/transport.ts";
import { MemoryNetwork } from "../../src/net/transport-memory.ts";
import { FaultyNetwork } from "../kit/faulty-network.ts";
import { ManualClock, settle } from "../kit/manual-clock.ts";

function reader(link: Link, log: string[], name: string): void {
  link.attach({
    onMessage: (bytes) => log.push(`${name} ${bytes.join(",")}`),
    onDrain() {},
    onClose: (error) => log.push(`${name} closed ${error?.code ?? "on purpose"}`),
  });
}

test("messages arrive in order, before the close that follows them", async (t) => {
  const network = new MemoryNetwork();
  const log: string[] = [];
  const listener = await network.transport("b").listen({ onLink: (link) => reader(link, log, "b") });
  const link = await network.transport("a").dial(listener.address);
  for (let i = 0; i < 3; i++) t.true(link.send(Uint8Array.of(i)));
  link.close();
  t.false(link.send(Uint8Array.of(9)));
  await settle();
  t.deepEqual(log, ["b 0", "b 1", "b 2", "b closed on purpose"]);
  await listener.close();
  t.is(network.listeners, 0);
});

test("nodes are found by name, loopback is oneself, and nobody is UNAVAILABLE", async (t) => {
  const network = new MemoryNetwork();
  const listener = await network
    .transport("b")
    .listen({ host: "127.0.0.1", port: 8080, path: "/rpc", onLink: () => {} });
  t.is(listener.address, "ws://b:8080/rpc");
  t.truthy(await network.transport("a").dial("ws://b:8080/rpc"));
  t.truthy(await network.transport("b").dial("ws://127.0.0.1:8080/rpc"));
  const a = network.transport("a");
  for (const address of ["ws://127.0.0.1:8080/rpc", "ws://b:8081/rpc", "ws://b:8080/other", "ws://c:8080/rpc"]) {
    await t.throwsAsync(a.dial(address), { code: "UNAVAILABLE", message: new RegExp(address) });
  }
  await t.throwsAsync(a.dial("http://b:8080"), { code: "INVALID_ARGUMENT" });
  await t.throwsAsync(network.transport("b").listen({ port: 8080, onLink: () => {} }), { code: "ALREADY_EXISTS" });
});

test("a listener that closes breaks its links", async (t) => {
  const network = new MemoryNetwork();
  const log: string[] = [];
  const listener = await network.transport("b").listen({ onLink: (link) => reader(link, log, "b") });
  reader(await network.transport("a").dial(listener.address), log, "a");
  await listener.close();
  await settle();
  t.deepEqual(log.sort(), ["a closed LOST", "b closed on purpose"]);
});

test("faults: delays keep the order and repeat with their seed, freezes hold back, cuts break and refuse", async (t) => {
  const run = async (seed: number) => {
    const clock = new ManualClock(0);
    const network = new FaultyNetwork({ clock, seed });
    const log: string[] = [];
    const listener = await network.transport("b").listen({
      onLink: (link) =>
        link.attach({ onMessage: (bytes) => log.push(`${clock.now()}:${bytes[0]}`), onDrain() {}, onClose() {} }),
    });
    const link = await network.transport("a").dial(listener.address);
    link.attach({ onMessage() {}, onDrain() {}, onClose: (error) => log.push(`closed ${error?.code}`) });
    network.delay(5, 50);
    for (let i = 0; i < 5; i++) link.send(Uint8Array.of(i));
    await clock.advance(100);
    network.delay(0);
    network.freeze("a", "b");
    link.send(Uint8Array.of(5));
    await clock.advance(100);
    const held = log.length;
    network.heal();
    await settle();
    network.cut("b");
    await settle();
    await t.throwsAsync(network.transport("a").dial(listener.address), { code: "UNAVAILABLE" });
    network.heal();
    network.refuse("b");
    await t.throwsAsync(network.transport("a").dial(listener.address), { code: "UNAVAILABLE" });
    t.is(held, 5);
    return log;
  };
  const log = await run(7);
  t.deepEqual(
    log.map((line) => line.split(":")[1] ?? line),
    ["0", "1", "2", "3", "4", "5", "closed LOST"],
  );
  t.deepEqual(await run(7), log);
  t.notDeepEqual(await run(8), log);
});
