/** gRPC in pure JavaScript, its schema loaded at run time as its own guide does. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Echo, records, type SmallRecord } from "../../../src/cli/bench-payload.ts";
import { MESSAGE_BYTES_MAX, SCHEMA } from "../schema.ts";
import { peer, type RpcSubject } from "../subject.ts";

type Answer<T> = (error: Error | null, value: T) => void;
interface Stub {
  Small(record: SmallRecord, done: Answer<SmallRecord>): void;
  Bytes(bytes: { data: Uint8Array }, done: Answer<{ data: Uint8Array }>): void;
  Stream(count: { count: number }): AsyncIterable<SmallRecord>;
  waitForReady(deadline: number, done: (error?: Error) => void): void;
}
interface ServerStream {
  readonly request: { readonly count: number };
  write(record: SmallRecord): boolean;
  once(event: "drain", listener: () => void): void;
  end(): void;
}
interface Grpc {
  readonly Server: new (
    options: object,
  ) => {
    addService(service: object, methods: object): void;
    bindAsync(address: string, credentials: unknown, done: Answer<number>): void;
  };
  readonly ServerCredentials: { createInsecure(): unknown };
  readonly credentials: { createInsecure(): unknown };
  loadPackageDefinition(definition: unknown): {
    readonly bench: {
      readonly Echo: { new (address: string, credentials: unknown, options: object): Stub; readonly service: object };
    };
  };
}

const grpc = peer<Grpc>("@grpc/grpc-js");
const loader = peer<{ loadSync(path: string, options: object): unknown }>("@grpc/proto-loader");
const options = {
  "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
  "grpc.max_send_message_length": MESSAGE_BYTES_MAX,
  "grpc.use_local_subchannel_pool": 1, // each client its own connection
};

function service() {
  const directory = mkdtempSync(join(tmpdir(), "iris-bench-"));
  try {
    const path = join(directory, "echo.proto");
    writeFileSync(path, SCHEMA);
    return grpc.loadPackageDefinition(loader.loadSync(path, {})).bench.Echo;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export const subject: RpcSubject = {
  async serve() {
    const server = new grpc.Server(options);
    const echo = new Echo();
    server.addService(service().service, {
      Small: ({ request }: { request: SmallRecord }, done: Answer<SmallRecord>) => done(null, echo.small(request)),
      Bytes: ({ request }: { request: { data: Uint8Array } }, done: Answer<{ data: Uint8Array }>) =>
        done(null, { data: echo.bytes(request.data) }),
      async Stream(call: ServerStream) {
        for (const item of records(call.request.count)) {
          if (!call.write(item)) await new Promise<void>((resolve) => call.once("drain", resolve));
        }
        call.end();
      },
    });
    const credentials = grpc.ServerCredentials.createInsecure();
    const port = await promisify(server.bindAsync.bind(server))("127.0.0.1:0", credentials);
    return `127.0.0.1:${port}`;
  },
  async connect(address) {
    const stub = new (service())(address, grpc.credentials.createInsecure(), options);
    await promisify(stub.waitForReady.bind(stub))(Date.now() + 5_000);
    const small = promisify(stub.Small.bind(stub));
    const bytes = promisify(stub.Bytes.bind(stub));
    return {
      small,
      bytes: async (data) => (await bytes({ data })).data,
      stream: (count) => stub.Stream({ count }),
    };
  },
};
