/** What the two XState subjects share: a counter that answers through a function in the event. */
import { bytesEach, check, keep64InFlight, perSecond, rate, timeMs } from "../stopwatch.ts";

export interface AddEvent {
  readonly type: "add";
  readonly amount: number;
  readonly reply?: ((total: number) => void) | undefined;
}
/** A running actor: its `send`, and its end. */
export interface Running {
  send(event: AddEvent): void;
  stop(): unknown;
}

const BATCH = 1_000;

const ask = (actor: Running, amount: number) =>
  new Promise<number>((reply) => actor.send({ type: "add", amount, reply }));

/** The cases for actors that `start` starts. */
export function casesOf(start: () => Running): Readonly<Record<string, () => Promise<number>>> {
  return {
    async "ask-1"() {
      const actor = start();
      let total = 0;
      return perSecond(async () => {
        for (let call = 0; call < BATCH; call++) check((await ask(actor, 1)) === ++total, "the total");
        return BATCH;
      });
    },
    async "ask-64"() {
      const actor = start();
      let total = 0;
      return perSecond(async () => {
        total = await keep64InFlight(6_400, total, (amount) => ask(actor, amount));
        return 6_400;
      });
    },
    async tell() {
      const actor = start();
      let total = 0;
      return perSecond(async () => {
        for (let message = 0; message < BATCH; message++) actor.send({ type: "add", amount: 1 });
        total += BATCH;
        check((await ask(actor, 0)) === total, "the total");
        return BATCH;
      });
    },
    async spawn() {
      return rate(async () => {
        const actors: Running[] = [];
        const tookMs = await timeMs(async () => {
          for (let index = 0; index < BATCH; index++) actors.push(start());
          const last = actors.at(-1);
          check(last !== undefined && (await ask(last, 1)) === 1, "it answers");
        });
        for (const actor of actors) actor.stop();
        return { completed: BATCH, tookMs };
      });
    },
    async bytes() {
      return bytesEach(100_000, start, async () => {});
    },
  };
}
