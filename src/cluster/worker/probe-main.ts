/**
 * Entry point of the probe's thread: accepts connections and closes them, which is the sign of life of the process. Says
 * its port to whoever started it. Does nothing else, so nothing else can starve it.
 */
import { type AddressInfo, createServer } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

const { host, port } = workerData as { host: string; port: number };
const server = createServer((socket) => {
  socket.on("error", () => {}); // it hung up first
  socket.end();
  socket.resume();
});
server.on("error", (error) => {
  throw error;
});
server.listen({ host, port }, () => parentPort?.postMessage((server.address() as AddressInfo).port));
