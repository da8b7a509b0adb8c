import { once } from "node:events";
import { connect } from "node:net";
import test from "ava";
import { machineCapacity } from "../../../src/cluster/worker/capacity.ts";
import { listenForProbes } from "../../../src/cluster/worker/probe-listener.ts";

function probe(port: number): Promise<"accepted" | "refused"> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve("accepted");
    });
    socket.once("error", () => resolve("refused"));
  });
}

test("probes are accepted until the listener is stopped, and refused from then on", async (t) => {
  const listener = await listenForProbes("127.0.0.1", 0);
  t.is(await probe(listener.port), "accepted");
  t.is(await probe(listener.port), "accepted");
  await listener.stop();
  await listener.ended;
  t.is(await probe(listener.port), "refused");
});

test("a probed connection is closed by the listener", async (t) => {
  const listener = await listenForProbes("127.0.0.1", 0);
  const socket = connect(listener.port, "127.0.0.1");
  socket.resume();
  await once(socket, "end");
  await listener.stop();
  t.pass();
});

test("a port that is taken cannot be listened on", async (t) => {
  const listener = await listenForProbes("127.0.0.1", 0);
  await t.throwsAsync(listenForProbes("127.0.0.1", listener.port), { code: "UNAVAILABLE", message: /EADDRINUSE/ });
  await listener.stop();
});

test("a machine has cores and memory, and disk where it is asked about a directory", (t) => {
  const machine = machineCapacity("/");
  t.true(machine.cpuMillis >= 1_000 && machine.memoryBytes > 0 && machine.diskBytes > 0);
  t.is(machineCapacity().diskBytes, 0);
});
