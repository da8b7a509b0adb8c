/** Two sessions that talk to each other over a memory link, on a manual clock; and one whose other end is a bare link. */

import type { Identity, Payload, Target, Targets } from "../../src/net/channel.ts";
import {
  decodeFrame,
  encodeFrame,
  type FrameBody,
  type FrameKind,
  type RawFrame,
  type Said,
} from "../../src/net/frame.ts";
import { FrameReader } from "../../src/net/frame-reader.ts";
import { type SessionLimits, sessionLimits } from "../../src/net/limits.ts";
import { Session, type SessionOptions, type SessionRole } from "../../src/net/session.ts";
import type { Link } from "../../src/net/transport.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import { FaultyNetwork } from "./faulty-network.ts";
import { ManualClock, settle } from "./manual-clock.ts";

export const USER: Identity = { kind: "user", namespace: "default" };

export const bytes = (text: string): Payload => ({ codec: "VALUE", bytes: new TextEncoder().encode(text) });
export const text = (payload: Payload): string => new TextDecoder().decode(payload.bytes);

/** Takes the token `good`. */
export function authenticate(token: string): Identity {
  if (token !== "good") throw new IrisError("UNAUTHENTICATED", "this token is not known here");
  return USER;
}

/** Targets from methods by `target.method`. */
export function targetsOf(methods: Record<string, Target["handle"]>): Targets {
  const names = new Set(Object.keys(methods).map((name) => name.split(".")[0]));
  return (name) => {
    if (!names.has(name)) return undefined;
    return {
      handle(call) {
        const handle = methods[`${name}.${call.method}`];
        if (handle === undefined) throw new IrisError("NO_SUCH_METHOD", `${name} has no method "${call.method}"`);
        return handle(call);
      },
    };
  };
}

/** One end of a session and how it ended. */
export interface End {
  readonly session: Session;
  closed: IrisError | undefined;
  opened: number;
}

export interface PairOptions {
  readonly targets?: Targets;
  readonly dialler?: Targets;
  readonly limits?: Partial<SessionLimits>;
  readonly diallerLimits?: Partial<SessionLimits>;
  readonly token?: string;
  readonly authenticate?: (token: string) => Identity | Promise<Identity>;
  readonly stacks?: boolean;
  readonly highWaterBytes?: number;
}

export interface Pair {
  readonly clock: ManualClock;
  readonly network: FaultyNetwork;
  readonly dialler: End;
  readonly listener: End;
  /** Sizes in frames of each message that the dialler and the listener sent. */
  readonly messages: { dialler: string[][]; listener: string[][] };
}

/** Dials, says hello, and lets it settle. */
export async function pair(options: PairOptions = {}): Promise<Pair> {
  const clock = new ManualClock();
  const network = new FaultyNetwork({
    clock,
    ...(options.highWaterBytes === undefined ? {} : { highWaterBytes: options.highWaterBytes }),
  });
  const messages: Pair["messages"] = { dialler: [], listener: [] };
  const none: Targets = () => undefined;
  const listened = Promise.withResolvers<End>();
  const listening = await network.transport("b").listen({
    onLink: (link) =>
      listened.resolve(
        end(spied(link, messages.listener), {
          role: { end: "listener", authenticate: options.authenticate ?? authenticate },
          targets: options.targets ?? none,
          limits: sessionLimits(options.limits),
          clock,
          stacks: options.stacks,
        }),
      ),
  });
  const link = await network.transport("a").dial(listening.address);
  const dialler = end(spied(link, messages.dialler), {
    role: { end: "dialler", token: options.token ?? "good" },
    targets: options.dialler ?? none,
    limits: sessionLimits(options.diallerLimits ?? options.limits),
    clock,
  });
  const listener = await listened.promise;
  await settle();
  return { clock, network, dialler, listener, messages };
}

/** A listener's session whose other end the test speaks for, byte by byte. */
export interface Raw {
  readonly clock: ManualClock;
  readonly listener: End;
  readonly link: Link;
  /** What the session has said. */
  readonly heard: Said[];
  closed: boolean;
  say<K extends FrameKind>(kind: K, body: FrameBody<K>): void;
}

export async function raw(
  options: { targets?: Targets; limits?: Partial<SessionLimits>; role?: SessionRole } = {},
): Promise<Raw> {
  const clock = new ManualClock();
  const network = new FaultyNetwork({ clock });
  const made = Promise.withResolvers<End>();
  const listening = await network.transport("b").listen({
    onLink: (link) =>
      made.resolve(
        end(link, {
          role: options.role ?? { end: "listener", authenticate },
          targets: options.targets ?? (() => undefined),
          limits: sessionLimits(options.limits),
          clock,
        }),
      ),
  });
  const link = await network.transport("a").dial(listening.address);
  const self: Raw = {
    clock,
    listener: await made.promise,
    link,
    heard: [],
    closed: false,
    say: (kind, body) => void link.send(encodeFrame(kind, body)),
  };
  link.attach({
    onMessage: (message) => self.heard.push(...framesIn(message).map(decodeFrame)),
    onDrain() {},
    onClose() {
      self.closed = true;
    },
  });
  return self;
}

/** The same, with the hello done. */
export async function rawOpen(options: Parameters<typeof raw>[0] & { supports?: string[] } = {}): Promise<Raw> {
  const self = await raw(options);
  self.say("hello", { version: 1, token: "good", supports: options.supports ?? [], node: "test" });
  await settle();
  self.heard.length = 0;
  return self;
}

/** The frames of a message, their bodies not decoded. Throws `PROTOCOL_ERROR`. */
export function framesIn(message: Uint8Array, limits = sessionLimits()): RawFrame[] {
  const frames: RawFrame[] = [];
  const reader = new FrameReader();
  reader.open(message, limits.messageBytes, limits);
  for (let kind = reader.next(); kind !== undefined; kind = reader.next()) frames.push({ kind, body: reader.body });
  return frames;
}

export function batch(...frames: Uint8Array[]): Uint8Array {
  return Buffer.concat(frames);
}

function end(link: Link, options: Omit<SessionOptions, "link" | "node">): End {
  const self: { session: Session; closed: IrisError | undefined; opened: number } = {
    session: new Session({
      ...options,
      link,
      node: "test",
      onOpen: () => {
        self.opened++;
      },
      onClosed: (why) => {
        self.closed = why;
      },
    }),
    closed: undefined,
    opened: 0,
  };
  return self;
}

function spied(link: Link, messages: string[][]): Link {
  return {
    remoteAddress: link.remoteAddress,
    attach: (handler) => link.attach(handler),
    send(message) {
      messages.push(framesIn(message).map((frame) => frame.kind));
      return link.send(message);
    },
    close: () => link.close(),
    destroy: () => link.destroy(),
  };
}
