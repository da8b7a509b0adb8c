/** socket.io with acknowledgements, over WebSocket from the start. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Echo, type SmallRecord } from "../../../src/cli/bench-payload.ts";
import { MESSAGE_BYTES_MAX } from "../schema.ts";
import { peer, type RpcSubject } from "../subject.ts";

interface ServerSocket {
  on<T>(event: string, listener: (value: T, acknowledge: (value: T) => void) => void): void;
}
const { Server } = peer<{
  Server: new (
    server: object,
    options: object,
  ) => { on(event: "connection", listener: (socket: ServerSocket) => void): void };
}>("socket.io");
const { io } = peer<{
  io(
    url: string,
    options: object,
  ): { emitWithAck<T>(event: string, value: T): Promise<T>; once(event: "connect", listener: () => void): void };
}>("socket.io-client");

export const subject: RpcSubject = {
  async serve() {
    const http = createServer();
    const server = new Server(http, { transports: ["websocket"], maxHttpBufferSize: MESSAGE_BYTES_MAX });
    const echo = new Echo();
    server.on("connection", (socket) => {
      socket.on<SmallRecord>("small", (record, acknowledge) => acknowledge(echo.small(record)));
      socket.on<Uint8Array>("bytes", (bytes, acknowledge) => acknowledge(echo.bytes(bytes)));
    });
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  },
  async connect(url) {
    const socket = io(url, { transports: ["websocket"], forceNew: true });
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    return {
      small: (record) => socket.emitWithAck("small", record),
      bytes: (bytes) => socket.emitWithAck("bytes", bytes),
    };
  },
};
