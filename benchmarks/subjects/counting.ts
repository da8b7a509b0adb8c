/** The cases of messages, for subjects that are a counter which adds and answers with the total. */
import { check, keep64InFlight, perSecond } from "../stopwatch.ts";

const BATCH = 1_000;

export interface Counter {
  /** Adds and answers with the total. */
  ask(amount: number): Promise<number>;
  /** Adds and answers nothing. Absent: the subject has no such message. */
  tell?(amount: number): void;
}

export function countingCases(start: () => Counter) {
  return {
    async "ask-1"() {
      const counter = start();
      let total = 0;
      return perSecond(async () => {
        for (let call = 0; call < BATCH; call++) check((await counter.ask(1)) === ++total, "the total");
        return BATCH;
      });
    },
    async "ask-64"() {
      const counter = start();
      let total = 0;
      return perSecond(async () => {
        total = await keep64InFlight(6_400, total, (amount) => counter.ask(amount));
        return 6_400;
      });
    },
    async tell() {
      const counter = start();
      let total = 0;
      return perSecond(async () => {
        for (let message = 0; message < BATCH; message++) counter.tell?.(1);
        total += BATCH;
        check((await counter.ask(0)) === total, "the total");
        return BATCH;
      });
    },
  };
}
