/** moleculer: two brokers that know each other's address, over its own TCP transporter. Bytes travel as text. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { SmallRecord } from "../../../src/cli/bench-payload.ts";
import { MESSAGE_BYTES_MAX } from "../schema.ts";
import { fromText, peer, type RpcSubject, toText } from "../subject.ts";

interface Broker {
  createService(service: object): void;
  start(): Promise<void>;
  waitForServices(name: string, timeoutMs: number): Promise<unknown>;
  call<T>(action: string, params: unknown): Promise<T>;
}
const { ServiceBroker } = peer<{ ServiceBroker: new (options: object) => Broker }>("moleculer");

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function broker(nodeID: string, port: number, urls: readonly string[]): Broker {
  return new ServiceBroker({
    nodeID,
    logger: false,
    transporter: {
      type: "TCP",
      options: {
        udpDiscovery: false,
        port,
        urls,
        gossipPeriod: 1,
        maxPacketSize: MESSAGE_BYTES_MAX,
        useHostname: false,
      },
    },
  });
}

export const subject: RpcSubject = {
  async serve() {
    const [port, clientPort] = [await freePort(), await freePort()];
    const server = broker("server", port, [`127.0.0.1:${clientPort}/client`]);
    server.createService({
      name: "echo",
      actions: {
        small: ({ params }: { params: SmallRecord }) => params,
        bytes: ({ params }: { params: { text: string } }) => ({ text: toText(fromText(params.text)) }),
      },
    });
    await server.start();
    return `${port} ${clientPort}`;
  },
  async connect(address) {
    const [port, clientPort] = address.split(" ");
    const client = broker("client", Number(clientPort), [`127.0.0.1:${port}/server`]);
    await client.start();
    await client.waitForServices("echo", 20_000);
    return {
      small: (record) => client.call<SmallRecord>("echo.small", record),
      bytes: async (bytes) =>
        fromText((await client.call<{ text: string }>("echo.bytes", { text: toText(bytes) })).text),
    };
  },
};
