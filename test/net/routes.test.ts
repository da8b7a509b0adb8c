import test from "ava";
import { settle } from "../kit/manual-clock.ts";
import { bytes, pair, rawOpen, targetsOf, text } from "../kit/session-pair.ts";

const echo = targetsOf({
  "echo.say": (call) => Promise.resolve(bytes(`${call.method} ${text(call.payload)}`)),
  "echo.shout": (call) => Promise.resolve(bytes(`${call.method} ${text(call.payload)}`)),
});
const CALL = {
  remainingMs: 0,
  trace: "",
  codec: "VALUE",
  payload: bytes("x").bytes,
  credit: 8,
  idempotent: false,
  key: "",
} as const;
const TELL = { codec: "VALUE", payload: bytes("x").bytes, trace: "" } as const;

/** What a session says to a peer that supports `supports`, and the peer's side. */
async function heardBy(supports: string[]) {
  const self = await rawOpen({ targets: echo, supports });
  const calls = () => self.heard.flatMap((said) => (said.kind === "call" ? [said.body] : []));
  return { self, calls, session: self.listener.session };
}

test("names are sent with their number until a frame with them has left, and then the number alone", async (t) => {
  const { session, calls } = await heardBy(["routes"]);
  void session.call("a", "x", bytes("1"));
  void session.call("a", "x", bytes("2"));
  await settle();
  void session.call("a", "x", bytes("3"));
  void session.call("a", "y", bytes("4"));
  await settle();
  t.deepEqual(
    calls().map(({ route, target, method }) => [route, target, method]),
    [
      [1, "a", "x"],
      [1, "a", "x"],
      [1, "", ""],
      [2, "a", "y"],
    ],
  );
});

test("names that were taken back with their call are sent again", async (t) => {
  const { session, calls } = await heardBy(["routes"]);
  const cancel = new AbortController();
  const outcome = session.call("a", "x", bytes("1"), { signal: cancel.signal });
  cancel.abort();
  await t.throwsAsync(Promise.resolve(outcome), { code: "CANCELLED" });
  void session.call("a", "x", bytes("2"));
  await settle();
  t.deepEqual(
    calls().map(({ route, target, method }) => [route, target, method]),
    [[1, "a", "x"]],
  );
});

test("an end that does not know numbers gets names", async (t) => {
  const { session, calls } = await heardBy([]);
  for (let i = 0; i < 3; i++) {
    void session.call("a", "x", bytes("1"));
    await settle();
  }
  t.deepEqual(
    calls().map(({ route, target, method }) => [route, target, method]),
    [
      [undefined, "a", "x"],
      [undefined, "a", "x"],
      [undefined, "a", "x"],
    ],
  );
});

test("more names than there are numbers, and long ones, go without", async (t) => {
  const { session, calls } = await heardBy(["routes"]);
  void session.call("a", "m".repeat(256), bytes(""));
  for (let i = 0; i < 1_030; i++) void session.call("a", `m${i}`, bytes(""));
  await settle();
  const routes = calls().map(({ route }) => route);
  t.is(routes[0], undefined);
  t.deepEqual(
    routes.slice(1, 1_025),
    Array.from({ length: 1_024 }, (_, i) => i + 1),
  );
  t.deepEqual([...new Set(routes.slice(1_025))], [undefined]);
});

test("two ends speak in numbers, calls and tells alike, and each answer belongs to its call", async (t) => {
  const { dialler } = await pair({ targets: echo });
  for (let turn = 0; turn < 3; turn++) {
    t.true(dialler.session.tell("echo", "say", bytes("told")));
    const answers = await Promise.all(
      ["say", "shout", "say"].map((method) => dialler.session.call("echo", method, bytes(`${turn}`))),
    );
    t.deepEqual(answers.map(text), [`say ${turn}`, `shout ${turn}`, `say ${turn}`]);
  }
  await t.throwsAsync(Promise.resolve(dialler.session.call("echo", "sing", bytes(""))), { code: "NO_SUCH_METHOD" });
  await t.throwsAsync(Promise.resolve(dialler.session.call("echo", "sing", bytes(""))), { code: "NO_SUCH_METHOD" });
});

test("a number that was never named, is named twice, or is out of bounds breaks the protocol", async (t) => {
  const breaches: Record<string, (self: Awaited<ReturnType<typeof rawOpen>>) => void> = {
    unnamed: (self) => self.say("call", { ...CALL, id: 1, target: "", method: "", route: 7 }),
    "unnamed, far out": (self) => self.say("tell", { ...TELL, target: "", method: "", route: 0xffff_ffff }),
    renamed: (self) => {
      self.say("call", { ...CALL, id: 1, target: "echo", method: "say", route: 1 });
      self.say("call", { ...CALL, id: 2, target: "echo", method: "shout", route: 1 });
    },
    "out of bounds": (self) => self.say("tell", { ...TELL, target: "echo", method: "say", route: 1_025 }),
    "too long": (self) => self.say("tell", { ...TELL, target: "e".repeat(256), method: "say", route: 1 }),
  };
  for (const [name, breach] of Object.entries(breaches)) {
    const self = await rawOpen({ targets: echo });
    breach(self);
    await settle();
    t.is(self.listener.closed?.code, "PROTOCOL_ERROR", name);
  }
});

test("a number may be named again with the same names, by calls and tells", async (t) => {
  const self = await rawOpen({ targets: echo });
  self.say("tell", { ...TELL, target: "echo", method: "say", route: 1_024 });
  self.say("call", { ...CALL, id: 1, target: "echo", method: "say", route: 1_024 });
  self.say("call", { ...CALL, id: 2, target: "", method: "", route: 1_024 });
  await settle();
  t.deepEqual(
    self.heard.map((said) => said.kind),
    ["reply", "reply"],
  );
});

test("a new session begins with no numbers", async (t) => {
  const first = await heardBy(["routes"]);
  void first.session.call("a", "x", bytes("1"));
  await settle();
  const second = await heardBy(["routes"]);
  void second.session.call("a", "x", bytes("1"));
  await settle();
  t.like(second.calls()[0], { route: 1, target: "a", method: "x" });
});
