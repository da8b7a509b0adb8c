/** How one sees from outside that a process is ready: it says so, accepts connections, or answers a request. */
import { connect } from "node:net";
import { IrisError } from "../runtime/errors.ts";
import { type Clock, sleep } from "../runtime/ports/clock.ts";
import { SUPERVISION_LIMITS } from "./limits.ts";

export type Readiness =
  /** A line of its output contains this text, or matches. */
  | { readonly line: string | RegExp }
  /** This TCP port accepts a connection. The host is 127.0.0.1 unless said otherwise. */
  | { readonly port: number; readonly host?: string }
  /** A GET of this URL is answered with a status from 200 to 399. */
  | { readonly http: string };

/** One look each: resolves whether it is so, never rejects. */
export interface Prober {
  port(host: string, port: number): Promise<boolean>;
  http(url: string): Promise<boolean>;
}

/** Throws `INVALID_ARGUMENT` unless it says one thing to look for. */
export function checkReadiness(id: string, ready: Readiness): void {
  if ("line" in ready && (typeof ready.line === "string" ? ready.line !== "" : ready.line instanceof RegExp)) return;
  if ("port" in ready && Number.isInteger(ready.port) && ready.port > 0 && ready.port < 65_536) return;
  if ("http" in ready && URL.canParse(ready.http) && /^https?:/.test(ready.http)) return;
  throw new IrisError(
    "INVALID_ARGUMENT",
    `ready of process "${id}" is ${JSON.stringify(ready)}: use { line: "text" or /pattern/ }, { port: 1 to 65535 } or { http: "http://…" }`,
  );
}

/** Whether `line` is the one waited for. */
export function saysReady(ready: Readiness, line: string): boolean {
  if (!("line" in ready)) return false;
  if (typeof ready.line === "string") return line.includes(ready.line);
  // A pattern with the flag g or y remembers where it stopped; every line is looked at from its beginning.
  ready.line.lastIndex = 0;
  return ready.line.test(line);
}

/** Looks again and again until it is so; rejects with the signal's reason when that aborts. */
export async function probeUntilReady(
  ready: Exclude<Readiness, { line: unknown }>,
  prober: Prober,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const isReady = await ("port" in ready
      ? prober.port(ready.host ?? "127.0.0.1", ready.port)
      : prober.http(ready.http));
    signal.throwIfAborted();
    if (isReady) return;
    await sleep(clock, SUPERVISION_LIMITS.probeEveryMs, signal);
  }
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
