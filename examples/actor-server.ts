// An actor is a plain class. A server gives it an address; a resolver finds it there, from any process.
import { ActorServer, FixedResolver } from "iris-runtime";

class Counter {
  #count = 0;

  add(amount: number): number {
    this.#count += amount;
    return this.#count;
  }

  async *countdown(): AsyncGenerator<number> {
    for (let left = this.#count; left > 0; left--) yield left;
  }
}

await using server = new ActorServer();
await server.register("counter", new Counter());
await server.listen();

await using resolver = new FixedResolver({ counter: server.address });
const counter = resolver.lookup<Counter>("counter");

console.log(await counter.call().add(2));
console.log(await counter.call({ timeoutMs: 1_000 }).add(1));
for await (const left of counter.call().countdown()) console.log("left:", left);
