/** tRPC over WebSocket; bytes travel as text, since its messages are JSON. */
import type { SmallRecord } from "../../../src/cli/bench-payload.ts";
import { fromText, peer, type RpcSubject, toText } from "../subject.ts";
import { type Server, serveWs, ws } from "../ws-library.ts";

interface Procedures {
  input(check: (value: unknown) => unknown): { query(fn: (call: { input: unknown }) => unknown): unknown };
}
const { initTRPC } = peer<{
  initTRPC: { create(): { router(procedures: object): unknown; readonly procedure: Procedures } };
}>("@trpc/server");
const { applyWSSHandler } = peer<{ applyWSSHandler(options: { wss: Server; router: unknown }): void }>(
  "@trpc/server/adapters/ws",
);
const { createTRPCClient, createWSClient, wsLink } = peer<{
  createTRPCClient(options: object): {
    small: { query(record: SmallRecord): Promise<SmallRecord> };
    bytes: { query(text: string): Promise<string> };
  };
  createWSClient(options: object): unknown;
  wsLink(options: object): unknown;
}>("@trpc/client");

export const subject: RpcSubject = {
  async serve() {
    const { router, procedure } = initTRPC.create();
    const as = procedure.input((value) => value);
    const { server, address } = await serveWs(() => {});
    applyWSSHandler({
      wss: server,
      router: router({
        small: as.query(({ input }) => input),
        bytes: as.query(({ input }) => toText(fromText(input as string))),
      }),
    });
    return address;
  },
  async connect(url) {
    const client = createTRPCClient({ links: [wsLink({ client: createWSClient({ url, WebSocket: ws.WebSocket }) })] });
    await client.small.query({ id: 0, text: "" });
    return {
      small: (record) => client.small.query(record),
      bytes: async (bytes) => fromText(await client.bytes.query(toText(bytes))),
    };
  },
};
