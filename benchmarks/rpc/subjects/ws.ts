/** Floor: messages over WebSocket, one frame for each or one for all of a turn. */
import { Batch, frames } from "../frames.ts";
import type { RpcSubject } from "../subject.ts";
import { dialWs, type Socket, serveWs } from "../ws-library.ts";

function sender(socket: Socket, isBatched: boolean): (slot: number, payload: Uint8Array) => void {
  const batch = new Batch();
  return (slot, payload) => {
    const isFirst = batch.add(slot, payload);
    if (!isBatched) socket.send(batch.take());
    else if (isFirst) process.nextTick(() => socket.send(batch.take()));
  };
}

export function subject(variant: string): RpcSubject {
  const isBatched = variant === "batched";
  return {
    async serve() {
      const { address } = await serveWs((socket) => {
        const send = sender(socket, isBatched);
        socket.on("message", (message: Buffer) => frames(message, send));
      });
      return address;
    },
    async connect(address) {
      const socket = await dialWs(address);
      const send = sender(socket, isBatched);
      const waiting: (((reply: Uint8Array) => void) | undefined)[] = [];
      const onFrame = (slot: number, payload: Uint8Array) => waiting[slot]?.(payload);
      socket.on("message", (message: Buffer) => frames(message, onFrame));
      return {
        echo(slot, payload, done) {
          waiting[slot] = done;
          send(slot, payload);
        },
      };
    },
  };
}
