import test from "ava";
import fc from "fast-check";
import { errorToInfo, infoToError } from "../../src/net/fault.ts";
import { ErrorInfoCodec } from "../../src/net/wire/iris.ts";
import { IrisError } from "../../src/runtime/errors.ts";

const travel = (thrown: unknown, options = { stacks: false }) =>
  infoToError(ErrorInfoCodec.decode(ErrorInfoCodec.encode(errorToInfo(thrown, options))));

test("an IrisError arrives as one, with all that it says", (t) => {
  const error = travel(
    new IrisError("LOST", "gone", { maybeExecuted: true, where: "here", cause: new IrisError("NOT_FOUND", "why") }),
  );
  t.true(IrisError.is(error, "LOST"));
  t.like(error, { message: "gone", maybeExecuted: true, where: "here", retryable: false });
  t.true(IrisError.is(error.cause, "NOT_FOUND"));
});

test("a user's error arrives with its name, message and code, and is no IrisError", (t) => {
  class OutOfCheese extends Error {
    override name = "OutOfCheese";
    code = "E_CHEESE";
  }
  const error = travel(new OutOfCheese("redo from start"));
  t.like(error, { name: "OutOfCheese", message: "redo from start", code: "E_CHEESE" });
  t.false(IrisError.is(error));
  t.regex(String(error), /^OutOfCheese: redo from start/);
});

test("an IrisError out of the user's code may have run, and is not tried again", (t) => {
  const info = errorToInfo(new IrisError("UNAVAILABLE", "a call further on"), { stacks: false, fromUser: true });
  t.like(infoToError(info), { code: "UNAVAILABLE", retryable: false, maybeExecuted: true });
});

test("the stack travels only when it is allowed to, and never as the stack of here", (t) => {
  t.false("remoteStack" in travel(new Error("x")));
  const error = travel(new Error("x"), { stacks: true });
  t.regex(error.remoteStack ?? "", /fault\.test/);
  t.not(error.remoteStack, error.stack);
});

test("depth and size are bounded, whatever is thrown", (t) => {
  let deep: Error = new Error("bottom");
  for (let i = 0; i < 1_000; i++) deep = new Error("x".repeat(100_000), { cause: deep });
  const bytes = ErrorInfoCodec.encode(errorToInfo(deep, { stacks: true }));
  t.true(bytes.length < 600_000, `${bytes.length} bytes`);
  const loop: Error & { cause?: unknown } = new Error("loop");
  loop.cause = loop;
  t.is(travel(loop).message, "loop");
});

test("anything can be thrown, and nothing throws on the way", (t) => {
  const nasty = new Proxy(
    {},
    {
      get: () => {
        throw new Error("no");
      },
      getPrototypeOf: () => {
        throw new Error("no");
      },
    },
  );
  const getter = Object.defineProperty(new Error("x"), "code", {
    get: () => {
      throw new Error("no");
    },
  });
  for (const thrown of [nasty, getter, undefined, null, 5n, Symbol("s"), "text", { a: 1 }, () => {}]) {
    t.true(travel(thrown) instanceof Error);
  }
  t.is(travel("text").message, "text");
  fc.assert(fc.property(fc.anything(), (thrown) => travel(thrown) instanceof Error));
});

test("a code that is not known here is INTERNAL, and no word at all is INTERNAL", (t) => {
  const info = { ...errorToInfo(new IrisError("LOST", "m"), { stacks: false }), code: "FROM_THE_FUTURE" };
  t.true(IrisError.is(infoToError(info), "INTERNAL"));
  t.true(IrisError.is(infoToError(undefined), "INTERNAL"));
});
