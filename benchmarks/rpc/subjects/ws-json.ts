/** RPC by hand: JSON in WebSocket messages, one for each call and each answer. */
import type { SmallRecord } from "../../../src/cli/bench-payload.ts";
import { fromText, type RpcSubject, toText } from "../subject.ts";
import { dialWs, serveWs, Waiting } from "../ws-library.ts";

type Value = SmallRecord | string;
interface Message {
  readonly call: number;
  readonly method?: "small" | "bytes";
  readonly value: Value;
}

const methods: Record<"small" | "bytes", (value: Value) => Value> = {
  small: (record) => record,
  bytes: (text) => toText(fromText(text as string)),
};

export const subject: RpcSubject = {
  async serve() {
    const { address } = await serveWs((socket) => {
      socket.on("message", (data: Buffer) => {
        const { call, method = "small", value } = JSON.parse(data.toString()) as Message;
        socket.send(JSON.stringify({ call, value: methods[method](value) } satisfies Message));
      });
    });
    return address;
  },
  async connect(address) {
    const socket = await dialWs(address);
    const waiting = new Waiting<Value>();
    socket.on("message", (data: Buffer) => {
      const { call, value } = JSON.parse(data.toString()) as Message;
      waiting.settle(call, value);
    });
    const ask = (method: "small" | "bytes", value: Value) =>
      waiting.add((call) => socket.send(JSON.stringify({ call, method, value } satisfies Message)));
    return {
      small: (record) => ask("small", record) as Promise<SmallRecord>,
      bytes: async (bytes) => fromText((await ask("bytes", toText(bytes))) as string),
    };
  },
};
