/** The WebSocket library as the peers use it, typed as far as they do. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { WebSocketServer as Server, WebSocket as Socket } from "ws";
import { peer } from "./subject.ts";

export type { Server, Socket };

export const ws = peer<{ readonly WebSocket: typeof Socket; readonly WebSocketServer: typeof Server }>("ws");

/** Serves at a free port. */
export async function serveWs(onSocket: (socket: Socket) => void): Promise<{ server: Server; address: string }> {
  const server = new ws.WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", onSocket);
  await once(server, "listening");
  return { server, address: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

export async function dialWs(address: string): Promise<Socket> {
  const socket = new ws.WebSocket(address);
  await once(socket, "open");
  return socket;
}

/** Calls that wait for their answers, by number: what everybody writes who writes RPC over a socket by hand. */
export class Waiting<T> {
  readonly #calls = new Map<number, { resolve(value: T): void; reject(error: Error): void }>();
  #last = 0;

  add(send: (call: number) => void): Promise<T> {
    const call = ++this.#last;
    return new Promise<T>((resolve, reject) => {
      this.#calls.set(call, { resolve, reject });
      send(call);
    });
  }

  settle(call: number, value: T): void {
    const waiting = this.#calls.get(call);
    if (waiting === undefined) throw new Error(`an answer to call ${call}, which nobody waits for`);
    this.#calls.delete(call);
    waiting.resolve(value);
  }
}
