/** Iris as users get it: compiled, an object served by name, called through a resolver's pool. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Echo } from "../../../src/cli/bench-payload.ts";
import type * as Iris from "../../../src/net/index.ts";
import type { RpcSubject } from "../subject.ts";

const build = process.env["IRIS_BENCH_BUILD"] ?? join(import.meta.dirname, "../../../dist");
const { ActorServer, FixedResolver } = (await import(pathToFileURL(join(build, "net/index.js")).href)) as typeof Iris;

/** Room for the case of 10 000 idle connections, which all come from one address. */
const limits = { sessions: 11_000, sessionsPerAddress: 11_000 };

export const subject: RpcSubject = {
  async serve() {
    const server = new ActorServer({ token: null, limits });
    await server.register("echo", new Echo());
    return server.address;
  },
  async connect(address) {
    const pool = new FixedResolver({ echo: address }, { token: null }).lookup<Echo>("echo");
    await pool.waitForSize(1);
    await pool.call().small({ id: 0, text: "" }); // connected
    return {
      small: (record) => pool.call().small(record),
      bytes: (bytes) => pool.call().bytes(bytes),
      stream: (count) => pool.call().stream(count),
    };
  },
};
