/** Who is measured, and where their code is. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

export interface Who {
  readonly id: string;
  readonly title: string;
  /** The file in `subjects/`, and which of the subjects that it holds. */
  readonly file: string;
  readonly variant?: string;
  /** Has no calls, only messages: the least that anything on top of it costs. */
  readonly isFloor?: boolean;
  /** What it needs from `benchmarks/peers`. */
  readonly needs?: string;
}

export const WHO: readonly Who[] = [
  { id: "iris", title: "Iris", file: "iris" },
  { id: "before", title: "Iris, other build", file: "iris" },
  { id: "net", title: "raw TCP, one write each", file: "net", variant: "each", isFloor: true },
  { id: "net-batched", title: "raw TCP, a turn in one write", file: "net", variant: "batched", isFloor: true },
  { id: "ws", title: "raw ws, one message each", file: "ws", variant: "each", isFloor: true, needs: "ws" },
  {
    id: "ws-batched",
    title: "raw ws, a turn in one message",
    file: "ws",
    variant: "batched",
    isFloor: true,
    needs: "ws",
  },
  { id: "ws-protobufjs", title: "ws + protobufjs", file: "ws-protobufjs", needs: "protobufjs" },
  { id: "ws-json", title: "ws + JSON", file: "ws-json", needs: "ws" },
  { id: "socket.io", title: "socket.io", file: "socket-io", needs: "socket.io" },
  { id: "moleculer", title: "moleculer, TCP", file: "moleculer", needs: "moleculer" },
  { id: "erlang", title: "Erlang, gen_server:call", file: "rpc_bench.erl" },
  { id: "capnweb", title: "Cap'n Web", file: "capnweb", needs: "capnweb" },
  { id: "trpc", title: "tRPC 11, WebSocket", file: "trpc", needs: "@trpc/server" },
  { id: "grpc-js", title: "grpc-js", file: "grpc-js", needs: "@grpc/grpc-js" },
  { id: "connect", title: "Connect, HTTP/2", file: "connect", needs: "@connectrpc/connect-node" },
];

const PEERS = join(import.meta.dirname, "../peers/node_modules");

/** Why `who` cannot be measured here, if so. */
export function missing(who: Who, builds: { readonly build: string; readonly against?: string | undefined }) {
  if (who.id === "iris" && !existsSync(join(builds.build, "index.js")))
    return `nothing is built in ${builds.build}: npm run build`;
  if (who.id === "before" && builds.against === undefined) return "no other build: --against DIRECTORY";
  if (who.needs !== undefined && !existsSync(join(PEERS, who.needs)))
    return "not installed: npm ci --prefix benchmarks/peers";
  if (who.id === "erlang" && spawnSync("erlc", ["-help"]).error !== undefined)
    return "not installed: apt-get install -y --no-install-recommends erlang-base";
  return undefined;
}
