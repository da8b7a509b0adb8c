/** Connect over HTTP/2, its schema described at run time instead of generated. */
import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { Echo, records, type SmallRecord } from "../../../src/cli/bench-payload.ts";
import { MESSAGE_BYTES_MAX, SCHEMA } from "../schema.ts";
import { peer, type RpcSubject } from "../subject.ts";

interface Stub {
  small(record: SmallRecord): Promise<SmallRecord>;
  bytes(bytes: { data: Uint8Array }): Promise<{ data: Uint8Array }>;
  stream(count: { count: number }): AsyncIterable<SmallRecord>;
}
type Service = unknown;

const { createFileRegistry, fromBinary } = peer<{
  createFileRegistry(set: unknown): { getService(name: string): Service };
  fromBinary(schema: unknown, bytes: Uint8Array): unknown;
}>("@bufbuild/protobuf");
const { FileDescriptorSetSchema } = peer<{ FileDescriptorSetSchema: unknown }>("@bufbuild/protobuf/wkt");
const { createClient } = peer<{ createClient(service: Service, transport: unknown): Stub }>("@connectrpc/connect");
const { connectNodeAdapter, createConnectTransport } = peer<{
  connectNodeAdapter(options: object): Parameters<typeof createServer>[1];
  createConnectTransport(options: object): unknown;
}>("@connectrpc/connect-node");
interface Root {
  resolveAll(): Root;
  toDescriptor(edition: string): object;
}
const protobuf = peer<{ parse(text: string): { root: Root } }>("protobufjs");
const { FileDescriptorSet } = peer<{ FileDescriptorSet: { encode(set: object): { finish(): Uint8Array } } }>(
  "protobufjs/ext/descriptor",
);

function service(): Service {
  const set = FileDescriptorSet.encode(protobuf.parse(SCHEMA).root.resolveAll().toDescriptor("proto3")).finish();
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, set)).getService("bench.Echo");
}

export const subject: RpcSubject = {
  async serve() {
    const echo = new Echo();
    const routes = (router: { service(service: Service, methods: object): void }) =>
      router.service(service(), {
        small: (record: SmallRecord) => ({ id: record.id, text: record.text }),
        bytes: ({ data }: { data: Uint8Array }) => ({ data: echo.bytes(data) }),
        async *stream({ count }: { count: number }) {
          yield* records(count);
        },
      });
    const server = createServer(connectNodeAdapter({ routes, readMaxBytes: MESSAGE_BYTES_MAX }));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  async connect(baseUrl) {
    const stub = createClient(service(), createConnectTransport({ baseUrl, httpVersion: "2" }));
    await stub.small({ id: 0, text: "" });
    return {
      small: (record) => stub.small(record),
      bytes: async (data) => (await stub.bytes({ data })).data,
      stream: (count) => stub.stream({ count }),
    };
  },
};
