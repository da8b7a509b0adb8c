/**
 * Asks a machine whether a process is there: a TCP connection that is closed at once. A refusal proves that nobody
 * listens at that address; an answer proves that somebody does; silence proves nothing.
 */
import { connect } from "node:net";
import type { Clock } from "../../runtime/ports/clock.ts";
import type { ProbeAnswer } from "./kernel/command.ts";

export type { ProbeAnswer };

export interface Prober {
  /** Asks at `host:port`. Never rejects. */
  probe(address: string): Promise<ProbeAnswer>;
}

/** How long an answer may take: far longer than any round trip, shorter than the pause to the next probe. Unit: ms. */
const PROBE_TIMEOUT_MS = 1_000;

/** The real thing. */
export function tcpProber(clock: Clock): Prober {
  return {
    probe(address) {
      const colon = address.lastIndexOf(":");
      const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
      const port = Number(address.slice(colon + 1));
      if (colon < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) return Promise.resolve("no-answer");
      return new Promise((resolve) => {
        const socket = connect({ host, port });
        const settle = (answer: ProbeAnswer) => {
          clock.clearTimeout(timer);
          socket.destroy();
          resolve(answer);
        };
        const timer = clock.setTimeout(() => settle("no-answer"), PROBE_TIMEOUT_MS);
        socket.once("connect", () => settle("accepted"));
        // Other errors (no route, no such host) are about the way, not about the process.
        socket.on("error", (error: NodeJS.ErrnoException) =>
          settle(error.code === "ECONNREFUSED" ? "refused" : "no-answer"),
        );
      });
    },
  };
}
