/** RPC by hand: protobufjs by reflection in WebSocket messages, one for each call and each answer. */
import type * as Protobuf from "protobufjs";
import { Echo, records, type SmallRecord } from "../../../src/cli/bench-payload.ts";
import { ENVELOPE } from "../schema.ts";
import { peer, type RpcSubject } from "../subject.ts";
import { dialWs, serveWs, Waiting } from "../ws-library.ts";

interface Message {
  readonly call: number;
  readonly method?: string;
  readonly small?: SmallRecord | null;
  readonly data?: Uint8Array | null;
  readonly count?: number;
  readonly end?: boolean;
}

const protobuf = peer<typeof Protobuf>("protobufjs");
const Envelope = protobuf.parse(ENVELOPE).root.lookupType("bench.Envelope");
const encode = (message: Message) => Envelope.encode(Envelope.create(message)).finish();
const decode = (data: Buffer) => Envelope.decode(data) as unknown as Required<Message>;

export const subject: RpcSubject = {
  async serve() {
    const echo = new Echo();
    const { address } = await serveWs((socket) => {
      socket.on("message", (data: Buffer) => {
        const { call, method, small, data: bytes, count } = decode(data);
        if (method === "small" && small) socket.send(encode({ call, small: echo.small(small) }));
        if (method === "bytes" && bytes) socket.send(encode({ call, data: echo.bytes(bytes) }));
        if (method === "stream") {
          for (const item of records(count)) socket.send(encode({ call, small: item }));
          socket.send(encode({ call, end: true }));
        }
      });
    });
    return address;
  },
  async connect(address) {
    const socket = await dialWs(address);
    const waiting = new Waiting<Required<Message>>();
    const streams = new Map<number, (item: SmallRecord | undefined) => void>();
    socket.on("message", (data: Buffer) => {
      const message = decode(data);
      const stream = streams.get(message.call);
      if (stream === undefined) waiting.settle(message.call, message);
      else stream(message.end ? undefined : (message.small ?? undefined));
    });
    let lastStream = 1_000_000_000;
    return {
      async small(small) {
        const reply = await waiting.add((call) => socket.send(encode({ call, method: "small", small })));
        if (!reply.small) throw new Error("no record in the answer");
        return reply.small;
      },
      async bytes(data) {
        const reply = await waiting.add((call) => socket.send(encode({ call, method: "bytes", data })));
        return reply.data ?? new Uint8Array();
      },
      async *stream(count) {
        const call = ++lastStream;
        const items: (SmallRecord | undefined)[] = [];
        let wake = () => {};
        streams.set(call, (item) => {
          items.push(item);
          wake();
        });
        socket.send(encode({ call, method: "stream", count }));
        for (let at = 0; ; at++) {
          if (at === items.length) {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
          const item = items[at];
          if (item === undefined) break;
          yield item;
        }
        streams.delete(call);
      },
    };
  },
};
