/** The server's process of `iris bench`: serves an echo at a port of its own to whoever has the token in its environment. */
import { ActorServer } from "../net/server.ts";
import { Echo } from "./bench-payload.ts";
import { serveParent } from "./bench-process.ts";

// No environment is handed on: inside a job the echo would be registered with the controller.
const server = new ActorServer({ token: process.env["IRIS_BENCH_TOKEN"] ?? "" }, { environment: {} });
await server.register("echo", new Echo());
serveParent(server.address);
