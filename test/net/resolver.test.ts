import test from "ava";
import { FixedResolver } from "../../src/net/resolver.ts";
import { parseAddress } from "../../src/net/resolver-address.ts";
import { MemoryNetwork } from "../../src/net/transport-memory.ts";
import type { IrisError } from "../../src/runtime/errors.ts";

const transport = new MemoryNetwork().transport("here");

test("addresses are taken with and without a scheme, and come out as they are dialled", (t) => {
  const good: [string, string][] = [
    ["ws://127.0.0.1:41234", "ws://127.0.0.1:41234"],
    ["ws://127.0.0.1:41234/", "ws://127.0.0.1:41234"],
    ["wss://host.example:9000/rpc", "wss://host.example:9000/rpc"],
    ["host-a:9000", "ws://host-a:9000"],
    [" 10.0.0.7:80 ", "ws://10.0.0.7:80"],
    ["wss://h:443", "wss://h:443"],
    ["[::1]:9000", "ws://[::1]:9000"],
  ];
  for (const [given, dialled] of good) t.is(parseAddress(given), dialled);
});

test("what is no address is INVALID_ARGUMENT and is named", (t) => {
  const bad = [
    "",
    "host",
    "ws://host",
    "http://h:1",
    "ws://",
    "ws://:80",
    "h:99999",
    "ws://u:p@h:1",
    "ws://h:1?x=1",
    "h:1#f",
    "a b:1",
  ];
  for (const given of bad) {
    const error = t.throws(() => parseAddress(given), { code: "INVALID_ARGUMENT" }, given);
    t.true(error?.message.includes(`"${given}"`));
    t.throws(() => new FixedResolver({ calc: given }, { token: null, transport }), { code: "INVALID_ARGUMENT" });
  }
  t.throws(() => parseAddress(7 as unknown as string), { code: "INVALID_ARGUMENT" });
});

test("a name stands for one address or several, each once", async (t) => {
  await using resolver = new FixedResolver({ one: "h:1", many: ["h:1", "ws://h:2", "h:1"] }, { token: "x", transport });
  t.deepEqual(
    (await resolver.resolve("many")).map(({ address, token, name }) => [name, address, token]),
    [
      ["many", "ws://h:1", "x"],
      ["many", "ws://h:2", "x"],
    ],
  );
  const pool = resolver.lookup("many");
  t.is(pool.size, 2);
  await pool.waitForSize(2);
  t.deepEqual(pool.endpoints, await resolver.resolve("many"));
});

test("a name that was not given is NOT_FOUND at once, and the known ones are told", async (t) => {
  await using resolver = new FixedResolver({ calc: "h:1" }, { token: null, transport });
  const error = t.throws(() => resolver.lookup("clac")) as IrisError;
  t.is(error.code, "NOT_FOUND");
  t.regex(error.message, /"clac".*"calc"/);
  await t.throwsAsync(resolver.resolve("toString"), { code: "NOT_FOUND" });
  await t.throwsAsync(resolver.resolve("calc", { signal: AbortSignal.abort() }), { code: "CANCELLED" });
});

test("an address where nobody listens is UNAVAILABLE for who asks for one member", async (t) => {
  await using resolver = new FixedResolver({ calc: "nowhere:1" }, { token: null, transport });
  const [member] = resolver.lookup<{ add(): void }>("calc").members();
  const error = (await t.throwsAsync(async () => member?.call().add())) as IrisError;
  t.is(error.code, "UNAVAILABLE");
  t.regex(error.message, /ws:\/\/nowhere:1/);
});

test("a resolver ends with its pools; looking up then is refused; twice is fine", async (t) => {
  const resolver = new FixedResolver({ calc: "nowhere:1" }, { token: null, transport });
  const pool = resolver.lookup<{ add(): void }>("calc");
  const waiting = t.throwsAsync(async () => pool.call().add(), { code: "CANCELLED" });
  await resolver[Symbol.asyncDispose]();
  await resolver[Symbol.asyncDispose]();
  await waiting;
  t.throws(() => resolver.lookup("calc"), { code: "FAILED_PRECONDITION" });
});
