/** nact: actors after Erlang and Akka, as functions of state and message. */
import { createRequire } from "node:module";
import { bytesEach, check, keep64InFlight, perSecond, rate, timeMs } from "../stopwatch.ts";

interface Message {
  readonly amount: number;
  readonly replyTo?: unknown;
}
interface Nact {
  start(): unknown;
  stop(what: unknown): void;
  spawn(parent: unknown, step: (total: number | undefined, message: Message) => number, name: string): unknown;
  dispatch(to: unknown, message: unknown): void;
  query(to: unknown, make: (replyTo: unknown) => Message, timeoutMs: number): Promise<number>;
}
const nact = createRequire(new URL("../peers/package.json", import.meta.url))("nact") as Nact;

const BATCH = 1_000;
const TIMEOUT_MS = 10_000;

let named = 0;

function counter(parent: unknown): unknown {
  const step = (total = 0, { amount, replyTo }: Message) => {
    const next = total + amount;
    if (replyTo !== undefined) nact.dispatch(replyTo, next);
    return next;
  };
  // The names that it draws by itself collide among 100 000.
  named += 1;
  return nact.spawn(parent, step, `counter-${named}`);
}

const ask = (to: unknown, amount: number) => nact.query(to, (replyTo) => ({ amount, replyTo }), TIMEOUT_MS);

export const cases = {
  async "ask-1"() {
    const one = counter(nact.start());
    let total = 0;
    return perSecond(async () => {
      for (let call = 0; call < BATCH; call++) check((await ask(one, 1)) === ++total, "the total");
      return BATCH;
    });
  },
  async "ask-64"() {
    const one = counter(nact.start());
    let total = 0;
    return perSecond(async () => {
      total = await keep64InFlight(6_400, total, (amount) => ask(one, amount));
      return 6_400;
    });
  },
  async tell() {
    const one = counter(nact.start());
    let total = 0;
    return perSecond(async () => {
      for (let message = 0; message < BATCH; message++) nact.dispatch(one, { amount: 1 });
      total += BATCH;
      check((await ask(one, 0)) === total, "the total");
      return BATCH;
    });
  },
  async spawn() {
    const system = nact.start();
    return rate(async () => {
      const refs: unknown[] = [];
      const tookMs = await timeMs(async () => {
        for (let index = 0; index < BATCH; index++) refs.push(counter(system));
        check((await ask(refs.at(-1), 1)) === 1, "it answers");
      });
      for (const ref of refs) nact.stop(ref);
      return { completed: BATCH, tookMs };
    });
  },
  async bytes() {
    const system = nact.start();
    return bytesEach(
      100_000,
      () => counter(system),
      async () => {},
    );
  },
};
