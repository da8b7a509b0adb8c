/** Floor: messages over TCP, one write for each or one for all of a turn. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Batch, FrameReader } from "../frames.ts";
import type { RpcSubject } from "../subject.ts";

/** From here on a copy into a batch costs more than a write. Unit: bytes. */
const LARGE = 16 * 1024;

type Send = (slot: number, payload: Uint8Array) => void;

function sender(socket: Socket, isBatched: boolean): Send {
  const batch = new Batch();
  const header = (slot: number, payload: Uint8Array) => {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeUInt32LE(payload.length, 0);
    bytes.writeUInt32LE(slot, 4);
    return bytes;
  };
  return (slot, payload) => {
    if (payload.length >= LARGE) {
      socket.cork();
      socket.write(header(slot, payload));
      socket.write(payload);
      socket.uncork();
    } else if (!isBatched) {
      batch.add(slot, payload);
      socket.write(batch.take());
    } else if (batch.add(slot, payload)) {
      process.nextTick(() => socket.write(batch.take()));
    }
  };
}

export function subject(variant: string): RpcSubject {
  const isBatched = variant === "batched";
  return {
    async serve() {
      const server = createServer({ noDelay: true }, (socket) => {
        const reader = new FrameReader(sender(socket, isBatched));
        socket.on("data", (piece) => reader.push(piece));
        socket.on("error", () => socket.destroy());
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      return String((server.address() as AddressInfo).port);
    },
    async connect(address) {
      const socket = connect({ port: Number(address), host: "127.0.0.1", noDelay: true });
      await once(socket, "connect");
      const send = sender(socket, isBatched);
      const waiting: (((reply: Uint8Array) => void) | undefined)[] = [];
      const reader = new FrameReader((slot, payload) => waiting[slot]?.(payload));
      socket.on("data", (piece) => reader.push(piece));
      return {
        echo(slot, payload, done) {
          waiting[slot] = done;
          send(slot, payload);
        },
      };
    },
  };
}
