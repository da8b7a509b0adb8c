/**
 * How one sees from outside how a child is: it says so, accepts connections, or answers a request. Looked at until it is
 * ready, and from then on, if asked for, whether it still answers: a child that runs and does not answer is as good as
 * crashed, and nothing else would notice.
 */
import { connect } from "node:net";
import { IrisError } from "../runtime/errors.ts";
import { type Clock, sleep } from "../runtime/ports/clock.ts";
import { SUPERVISION_LIMITS } from "./limits.ts";

/** Something that answers at a place. */
export type Reachable =
  /** This TCP port accepts a connection. The host is 127.0.0.1 unless said otherwise. */
  | { readonly port: number; readonly host?: string }
  /** A GET of this URL is answered with a status from 200 to 399. */
  | { readonly http: string };

export type Readiness =
  /** A line of its output contains this text, or matches. */
  { readonly line: string | RegExp } | Reachable;

/** How often a child that is ready is looked at, and how often in a row it may fail to answer. */
export interface Pace {
  /** Pause between two looks. Default 5 000 ms. */
  readonly everyMs?: number;
  /** Looks in a row without an answer after which it counts as dead, 1 to 1 000. Default 3. */
  readonly failuresMax?: number;
}

export type Liveness = Reachable & Pace;

/** One look each: resolves whether it is so, never rejects. */
export interface Prober {
  port(host: string, port: number): Promise<boolean>;
  http(url: string): Promise<boolean>;
}

const FAILURES_MAX = 1_000;

/** Throws `INVALID_ARGUMENT` unless it says one thing to look for; `child` is such as `process "web"`. */
export function checkReadiness(child: string, ready: Readiness): void {
  if ("line" in ready && (typeof ready.line === "string" ? ready.line !== "" : ready.line instanceof RegExp)) return;
  if (isReachable(ready)) return;
  throw new IrisError(
    "INVALID_ARGUMENT",
    `ready of ${child} is ${JSON.stringify(ready)}: use { line: "text" or /pattern/ }, { port: 1 to 65535 } or { http: "http://…" }`,
  );
}

/** Throws `INVALID_ARGUMENT` unless it says one place to look at, and a sound pace. */
export function checkLiveness(child: string, live: Liveness): void {
  checkPace(child, live);
  if (isReachable(live)) return;
  throw new IrisError(
    "INVALID_ARGUMENT",
    `live of ${child} is ${JSON.stringify(live)}: use { port: 1 to 65535 } or { http: "http://…" }`,
  );
}

/** Throws `INVALID_ARGUMENT` for a pace that nobody could keep. */
export function checkPace(child: string, { everyMs, failuresMax }: Pace): void {
  if (everyMs !== undefined && !(Number.isFinite(everyMs) && everyMs > 0)) {
    throw new IrisError("INVALID_ARGUMENT", `live.everyMs of ${child} is ${everyMs}: use ms above 0`);
  }
  if (failuresMax === undefined) return;
  if (!Number.isInteger(failuresMax) || failuresMax < 1 || failuresMax > FAILURES_MAX) {
    throw new IrisError(
      "INVALID_ARGUMENT",
      `live.failuresMax of ${child} is ${failuresMax}: use a whole number from 1 to ${FAILURES_MAX}`,
    );
  }
}

function isReachable(place: object): place is Reachable {
  if ("port" in place) {
    const { port } = place;
    return typeof port === "number" && Number.isInteger(port) && port > 0 && port < 65_536;
  }
  if (!("http" in place)) return false;
  const { http } = place;
  return typeof http === "string" && URL.canParse(http) && /^https?:/.test(http);
}

/** Whether `line` is the one waited for. */
export function saysReady(ready: Readiness | undefined, line: string): boolean {
  if (ready === undefined || !("line" in ready)) return false;
  if (typeof ready.line === "string") return line.includes(ready.line);
  // A pattern with the flag g or y remembers where it stopped; every line is looked at from its beginning.
  ready.line.lastIndex = 0;
  return ready.line.test(line);
}

/** One look. */
export function look(place: Reachable, prober: Prober): Promise<boolean> {
  return "port" in place ? prober.port(place.host ?? "127.0.0.1", place.port) : prober.http(place.http);
}

/** Looks again and again until it is so; rejects with the signal's reason when that aborts. */
export async function probeUntilReady(
  place: Reachable,
  prober: Prober,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const isReady = await look(place, prober);
    signal.throwIfAborted();
    if (isReady) return;
    await sleep(clock, SUPERVISION_LIMITS.probeEveryMs, signal);
  }
}

/**
 * Looks at the pace told until it has not answered so often in a row, and resolves with that as a sentence; or with
 * `undefined` when the signal aborts first. The first look comes after the first pause. Never rejects.
 */
export async function probeUntilDead(
  what: string,
  answers: () => Promise<boolean>,
  { everyMs = SUPERVISION_LIMITS.liveEveryMs, failuresMax = SUPERVISION_LIMITS.liveFailuresMax }: Pace,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  let failures = 0;
  while (failures < failuresMax) {
    try {
      await sleep(clock, everyMs, signal);
    } catch {
      return undefined;
    }
    const isAlive = await answers();
    if (signal.aborted) return undefined;
    failures = isAlive ? 0 : failures + 1;
  }
  return `did not answer ${what} ${failuresMax === 1 ? "once" : `${failuresMax} times in a row`}, looked at every ${everyMs} ms`;
}

/** `at 127.0.0.1:80` or `at http://…`, for people. */
export function describePlace(place: Reachable): string {
  return "port" in place ? `at ${place.host ?? "127.0.0.1"}:${place.port}` : `at ${place.http}`;
}

/** Looks through real sockets; gives up one look after `probeTimeoutMs`. */
export function nodeProber(clock: Clock): Prober {
  return {
    port: (host, port) => {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const socket = connect({ host, port });
      const timer = clock.setTimeout(() => resolve(false), SUPERVISION_LIMITS.probeTimeoutMs);
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
      return promise.finally(() => {
        clock.clearTimeout(timer);
        socket.destroy();
      });
    },
    http: async (url) => {
      const giveUp = new AbortController();
      const timer = clock.setTimeout(() => giveUp.abort(), SUPERVISION_LIMITS.probeTimeoutMs);
      try {
        const response = await fetch(url, { signal: giveUp.signal, redirect: "manual" });
        await response.body?.cancel();
        return response.status >= 200 && response.status < 400;
      } catch {
        return false;
      } finally {
        clock.clearTimeout(timer);
      }
    },
  };
}
