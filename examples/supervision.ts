// A supervisor keeps an actor and a service alive. The reference stays valid across restarts.
import { ActorSystem, actor, service, supervise } from "iris-runtime";

class Account {
  #balance = 0;

  deposit(amount: number): number {
    if (!(amount > 0)) throw new RangeError(`cannot deposit ${amount}`);
    this.#balance += amount;
    return this.#balance;
  }
}

await using system = new ActorSystem({ name: "bank" });
const bank = await system.start(
  supervise({
    name: "bank",
    strategy: "oneForOne",
    intensity: { maxRestarts: 3, withinMs: 5_000 },
    children: [
      actor(Account, { id: "account" }),
      service("clock", async (ctx) => {
        ctx.ready();
        await new Promise<void>((stop) => ctx.signal.addEventListener("abort", () => stop()));
      }),
    ],
  }),
);

const account = bank.ref<Account>("account");
console.log("balance", await account.call().deposit(10));
console.log(
  await account
    .call()
    .deposit(-1)
    .catch((error: Error) => `refused: ${error.message}`),
);
// The error ended the actor; its supervisor has started a fresh one behind the same reference.
console.log("balance after the restart", await account.call().deposit(5));
console.log("restarts of the account:", bank.whichChildren().find((child) => child.id === "account")?.restarts);
