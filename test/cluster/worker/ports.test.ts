import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import test from "ava";
import { WORKER_LIMITS } from "../../../src/cluster/worker/limits.ts";
import { TaskPorts } from "../../../src/cluster/worker/ports.ts";
import { IrisError } from "../../../src/runtime/errors.ts";
import { SeededRandom } from "../../kit/seeded-random.ts";

const free = async () => true;

test("each name gets a port of the range, and none is given twice while it is held", async (t) => {
  const ports = new TaskPorts({ random: new SeededRandom(1), isFree: free, first: 100, last: 109 });
  const picked = await Promise.all([ports.pick(["a", "b", "c"]), ports.pick(["a", "b", "c"]), ports.pick(["a"])]);
  const numbers = picked.flatMap((names) => Object.values(names));
  t.is(new Set(numbers).size, 7);
  t.true(numbers.every((port) => port >= 100 && port <= 109));
  t.deepEqual(Object.keys(picked[0] ?? {}), ["a", "b", "c"]);
});

test("ports in use are passed over, and a full range says so and holds nothing", async (t) => {
  const ports = new TaskPorts({ random: new SeededRandom(2), isFree: async (p) => p % 2 === 0, first: 100, last: 105 });
  const error = await t.throwsAsync(ports.pick(["a", "b", "c", "d"]), { instanceOf: IrisError });
  t.is((error as IrisError).code, "RESOURCE_EXHAUSTED");
  t.regex(error?.message ?? "", /tried 6 of 100 to 105/);
  const picked = await ports.pick(["a", "b", "c"]);
  t.deepEqual(Object.values(picked).sort(), [100, 102, 104]);
  ports.release(picked);
  t.is(Object.keys(await ports.pick(["x", "y", "z"])).length, 3);
});

test("a port that was just released is not the next one given", async (t) => {
  const ports = new TaskPorts({ random: new SeededRandom(3), isFree: free });
  const first = await ports.pick(["a"]);
  ports.release(first);
  t.notDeepEqual(await ports.pick(["a"]), first);
  t.true(WORKER_LIMITS.portTries > 0);
});

test("a port that somebody listens on is not given", async (t) => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const ports = new TaskPorts({ random: new SeededRandom(4), first: port, last: port });
  await t.throwsAsync(ports.pick(["a"]), { message: /no free port/ });
  server.close();
  await once(server, "close");
  t.deepEqual(await ports.pick(["a"]), { a: port });
});
