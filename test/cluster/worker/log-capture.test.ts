import test from "ava";
import { captureLines } from "../../../src/cluster/worker/log-capture.ts";
import { ManualClock, settle } from "../../kit/manual-clock.ts";

/** A stream that gives what it is told to, when it is told to. */
class Pipe {
  readonly #steps: PromiseWithResolvers<Uint8Array | undefined>[] = [Promise.withResolvers()];
  reads = 0;

  write(text: string): void {
    this.#steps.at(-1)?.resolve(Buffer.from(text));
    this.#steps.push(Promise.withResolvers());
  }
  end(): void {
    this.#steps.at(-1)?.resolve(undefined);
  }
  fail(): void {
    this.#steps.at(-1)?.reject(new Error("broken pipe"));
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = await this.#steps[this.reads]?.promise;
      if (chunk === undefined) return;
      this.reads++;
      yield chunk;
    }
  }
}

test("lines carry their source and the time at which they were read", async (t) => {
  const clock = new ManualClock(1_000);
  const pipe = new Pipe();
  const lines: unknown[] = [];
  const done = captureLines(pipe, "STDERR", (...line) => void lines.push(line), clock);
  pipe.write("one\ntw");
  await settle();
  await clock.advance(50);
  pipe.write("o\n");
  pipe.end();
  await done;
  t.deepEqual(lines, [
    ["STDERR", "one", 1_000],
    ["STDERR", "two", 1_050],
  ]);
  t.is(clock.pending, 0);
});

test("a line without an end is handed on after the flush time, and what follows is a line of its own", async (t) => {
  const clock = new ManualClock();
  const pipe = new Pipe();
  const lines: string[] = [];
  const done = captureLines(pipe, "STDOUT", (_source, data) => void lines.push(data), clock);
  pipe.write("name? ");
  await clock.advance(199);
  t.deepEqual(lines, []);
  await clock.advance(1);
  t.deepEqual(lines, ["name? "]);
  pipe.write("Ada\nlast");
  pipe.end();
  await done;
  t.deepEqual(lines, ["name? ", "Ada", "last"]);
  t.is(clock.pending, 0);
});

test("nothing more is read while the sink has no room", async (t) => {
  const clock = new ManualClock();
  const pipe = new Pipe();
  const room = Promise.withResolvers<void>();
  const done = captureLines(pipe, "STDOUT", () => room.promise, clock);
  pipe.write("one\n");
  pipe.write("two\n");
  pipe.end();
  await settle();
  t.is(pipe.reads, 1);
  room.resolve();
  await done;
  t.is(pipe.reads, 2);
});

test("a pipe that breaks ends the log, with what was read", async (t) => {
  const clock = new ManualClock();
  const pipe = new Pipe();
  const lines: string[] = [];
  const done = captureLines(pipe, "STDOUT", (_source, data) => void lines.push(data), clock);
  pipe.write("half");
  await settle();
  pipe.fail();
  await done;
  t.deepEqual(lines, ["half"]);
  t.is(clock.pending, 0);
});
