/**
 * The least that can be called an actor: an object, an array of messages and a microtask that empties it. No bounds, no
 * life, no errors, no deadlines. What Iris costs above this is what Iris does.
 */
import { bytesEach, check, keep64InFlight, perSecond, rate } from "../stopwatch.ts";

interface Message {
  readonly amount: number;
  readonly resolve: ((total: number) => void) | undefined;
}

class Mailbox {
  total = 0;
  #waiting: Message[] = [];
  #isArmed = false;
  readonly #drain = () => {
    this.#isArmed = false;
    const messages = this.#waiting;
    this.#waiting = [];
    for (const { amount, resolve } of messages) {
      this.total += amount;
      resolve?.(this.total);
    }
  };

  ask(amount: number): Promise<number> {
    return new Promise((resolve) => this.#push({ amount, resolve }));
  }

  tell(amount: number): void {
    this.#push({ amount, resolve: undefined });
  }

  #push(message: Message): void {
    this.#waiting.push(message);
    if (this.#isArmed) return;
    this.#isArmed = true;
    queueMicrotask(this.#drain);
  }
}

export const cases = {
  async "ask-1"() {
    const mailbox = new Mailbox();
    let total = 0;
    return perSecond(async () => {
      for (let call = 0; call < 1_000; call++) check((await mailbox.ask(1)) === ++total, "the total");
      return 1_000;
    });
  },
  async "ask-64"() {
    const mailbox = new Mailbox();
    let total = 0;
    return perSecond(async () => {
      total = await keep64InFlight(6_400, total, (amount) => mailbox.ask(amount));
      return 6_400;
    });
  },
  async tell() {
    const mailbox = new Mailbox();
    let total = 0;
    return perSecond(async () => {
      for (let message = 0; message < 1_000; message++) mailbox.tell(1);
      total += 1_000;
      check((await mailbox.ask(0)) === total, "the total");
      return 1_000;
    });
  },
  async spawn() {
    return rate(async () => {
      const beganAt = performance.now();
      const made: Mailbox[] = [];
      for (let index = 0; index < 1_000; index++) made.push(new Mailbox());
      check((await made.at(-1)?.ask(1)) === 1, "it is there");
      return { completed: made.length, tookMs: performance.now() - beganAt };
    });
  },
  async bytes() {
    return bytesEach(
      100_000,
      () => new Mailbox(),
      async () => {},
    );
  },
};
