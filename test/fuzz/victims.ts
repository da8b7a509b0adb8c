/**
 * Those who are fed: the decoder of values, a session that has not said hello, and one that has. Each says what it did
 * that it must not: throw anything but `PROTOCOL_ERROR`, stay open after a breach, answer twice.
 */

import type { Payload, Target, Targets } from "../../src/net/channel.ts";
import { sessionLimits } from "../../src/net/limits.ts";
import { Session } from "../../src/net/session.ts";
import type { Link, LinkHandler } from "../../src/net/transport.ts";
import { decodeValue, encodeValue } from "../../src/net/value/index.ts";
import { BatchCodec, type Frame } from "../../src/net/wire/iris.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import type { Logger } from "../../src/runtime/ports/logger.ts";
import { ManualClock } from "../kit/manual-clock.ts";
import { authenticate } from "../kit/session-pair.ts";
import { FrameCheck } from "./frame-check.ts";

export interface Victim {
  readonly name: string;
  /** Feeds one input. Throws when it did what it must not. */
  feed(bytes: Uint8Array): void | Promise<void>;
  /** Asks whether it still does what it should, and lets what is under way happen. */
  check(): Promise<void>;
}

export class ValueVictim implements Victim {
  readonly name = "value";
  accepted = 0;

  feed(bytes: Uint8Array): void {
    try {
      decodeValue(bytes);
      this.accepted++;
    } catch (error) {
      if (!IrisError.is(error, "PROTOCOL_ERROR")) throw error;
    }
  }

  async check(): Promise<void> {
    const sent = { a: [1, "two", new Map([["k", 3n]])], b: new Float64Array([0.5]) };
    if (JSON.stringify(plain(decodeValue(encodeValue(sent)))) !== JSON.stringify(plain(sent))) {
      throw new Error("a decoder that was fed rubbish reads good values wrongly");
    }
    if (({} as Record<string, unknown>)["polluted"] !== undefined || Object.keys(Object.prototype).length > 0) {
      throw new Error("an input reached Object.prototype");
    }
  }
}

function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, it: unknown) =>
      typeof it === "bigint" ? `${it}n` : it instanceof Map ? [...it] : ArrayBuffer.isView(it) ? String(it) : it,
    ),
  );
}

/** What targets of a fuzzed session do: answer, stream, refuse, and never more than a few turns later. */
const calc: Target = {
  handle(call): Promise<Payload> | AsyncIterable<Payload> {
    const { codec, bytes } = call.payload;
    const value = codec === "VALUE" ? decodeValue(bytes) : undefined;
    if (call.method === "items") return items(call.payload);
    if (call.method === "") throw new RangeError("no method");
    return Promise.resolve({ codec: "VALUE", bytes: encodeValue([value].length) });
  },
  ended: Promise.withResolvers<never>().promise,
};

async function* items(payload: Payload): AsyncGenerator<Payload> {
  for (let at = 0; at < 3; at++) yield payload;
}

const targets: Targets = (name) => (name === "calc" ? calc : undefined);

/** Feeds one session after another: the next when one has closed, or has had its share. */
export class SessionVictim implements Victim {
  readonly name: string;
  readonly #isGreeted: boolean;
  readonly #clock = new ManualClock();
  readonly #neighbour: Fed;
  #fed: Fed;
  #share = 0;
  sessions = 0;
  closed = 0;

  constructor(isGreeted: boolean) {
    this.name = isGreeted ? "session" : "hello";
    this.#isGreeted = isGreeted;
    this.#neighbour = new Fed(this.#clock);
    this.#neighbour.greet();
    this.#fed = this.#next();
  }

  async feed(bytes: Uint8Array): Promise<void> {
    const fed = this.#fed;
    if (this.#isGreeted && !fed.isOpen) await fed.greeted();
    fed.take(bytes);
    const { why } = fed;
    if (why === undefined && ++this.#share < 256) return;
    if (why !== undefined) this.closed++;
    else fed.hangUp();
    this.#fed = this.#next();
  }

  async check(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    await this.#neighbour.askAndHear();
    if (this.#clock.pending > 200_000) throw new Error(`${this.#clock.pending} timers are left`);
  }

  #next(): Fed {
    this.sessions++;
    this.#share = 0;
    const fed = new Fed(this.#clock);
    if (this.#isGreeted) fed.greet();
    return fed;
  }
}

const LIMITS = sessionLimits();
const FROM_PEER = BatchCodec.encode({
  frames: [{ hello: { version: 1, token: "good", supports: ["routes"], node: "f" } }],
});

/** A listener's session whose other end is whoever calls `take`. */
class Fed {
  why: IrisError | undefined;
  readonly #session: Session;
  readonly #check = new FrameCheck();
  #handler: LinkHandler | undefined;
  #lastId = 0x4000_0000;

  constructor(clock: ManualClock) {
    const link: Link = {
      remoteAddress: "fuzz",
      attach: (handler) => {
        this.#handler = handler;
      },
      send: (bytes) => {
        this.#check.sent(BatchCodec.decode(bytes).frames);
        return true;
      },
      close() {},
      destroy() {},
    };
    this.#session = new Session({
      link,
      role: { end: "listener", authenticate },
      node: "n",
      targets,
      clock,
      limits: LIMITS,
      logger: loud,
      onClosed: (why) => {
        this.why = why;
      },
    });
  }

  /** Synchronous but for the authenticator, so frames fed before the next turn come while it is asked. */
  greet(): void {
    this.#handler?.onMessage(FROM_PEER.slice());
  }

  get isOpen(): boolean {
    return this.#session.state === "open";
  }

  /** Nothing is decoded before the authenticator has spoken. */
  async greeted(): Promise<void> {
    for (let turn = 0; turn < 20 && this.#session.state === "authenticating"; turn++) await null;
    if (!this.isOpen && this.why === undefined && this.#session.state === "authenticating") {
      throw new Error("a good hello was not taken");
    }
  }

  take(bytes: Uint8Array): void {
    this.#check.received(bytes);
    this.#handler?.onMessage(bytes);
  }

  hangUp(): void {
    this.#handler?.onClose();
    if (this.why === undefined) throw new Error("a session outlived its link");
  }

  /** A good call, answered. */
  async askAndHear(): Promise<void> {
    const id = ++this.#lastId;
    const payload = encodeValue([1]);
    const call = { id, target: "calc", method: "add", remainingMs: 0, trace: "", payload, credit: 0 };
    const frame: Frame = { call: { ...call, codec: "VALUE", idempotent: false, key: "" } };
    this.take(BatchCodec.encode({ frames: [frame] }));
    for (let turn = 0; turn < 20 && !this.#check.hasAnswered(id); turn++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (!this.#check.hasAnswered(id)) throw new Error(`a neighbour is not answered any more: ${this.#session.state}`);
  }
}

/** A session may end by what it is fed, with any code that its peer names; that it logs an error of our own it may not. */
const loud: Logger = {
  debug() {},
  info() {},
  warn() {},
  error(fields: object, message: string) {
    throw new Error(`${message}: ${String((fields as { error?: unknown }).error)}`, {
      cause: (fields as { error?: unknown }).error,
    });
  },
  child: () => loud,
};
