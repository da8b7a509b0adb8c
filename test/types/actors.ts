/** What must compile, and what must not. Compiled by `npm run types`, never run. */
import {
  Actor,
  type ActorRef,
  type ActorSystem,
  type AnyRef,
  type Remote,
  startSupervised,
} from "../../src/runtime/index.ts";

class Account extends Actor {
  readonly owner: string;
  protected balance = 0;
  static readonly limit = 10;

  constructor(owner: string, balance?: number) {
    super();
    this.owner = owner;
    this.balance = balance ?? 0;
  }
  override onStart(): void {}
  deposit(amount: number): number {
    this.balance += amount;
    return this.balance;
  }
  async history(from: number, to?: number): Promise<string[]> {
    return [String(from), String(to)];
  }
  async *entries(): AsyncGenerator<{ amount: number }> {
    yield { amount: 1 };
  }
  isRich(): boolean {
    return false;
  }
  _internal(): void {}
  protected audit(): void {}
}

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(..._proof: Equal<A, B> extends true ? [] : [never]): void {}

export async function compiles(system: ActorSystem): Promise<void> {
  const account = system.spawn(Account, { args: ["ann"] });
  const calls = account.call({ timeoutMs: 1 });

  const balance = calls.deposit(1);
  same<typeof balance, Promise<number>>();
  const history = calls.history(1);
  same<typeof history, Promise<string[]>>();
  const entries = calls.entries();
  same<typeof entries, AsyncIterable<{ amount: number }>>();
  const rich = calls.isRich();
  same<typeof rich, Promise<boolean>>();
  const told = account.tell().deposit(1);
  same<typeof told, boolean>();
  for await (const entry of account.call().entries()) same<typeof entry, { amount: number }>();
  same<keyof Remote<Account>, "deposit" | "history" | "entries" | "isRich">();

  const anyRef: AnyRef = account;
  const unknownRef: ActorRef<unknown> = account;
  void [anyRef, unknownRef];
  await startSupervised(system, Account, { path: "a/b", args: ["ann", 1] });

  // @ts-expect-error no such method
  void calls.withdraw(1);
  // @ts-expect-error wrong argument
  void calls.deposit("1");
  // @ts-expect-error missing argument
  void calls.deposit();
  // @ts-expect-error one argument too many
  void calls.deposit(1, 2);
  // @ts-expect-error a property is no method
  void calls.owner;
  // @ts-expect-error a static member is none of the actor's
  void calls.limit;
  // @ts-expect-error a lifecycle hook is not callable
  void calls.onStart();
  // @ts-expect-error a name with a leading _ is not callable
  void calls._internal();
  // @ts-expect-error a protected method is not callable
  void calls.audit();
  // @ts-expect-error the context is the actor's own
  void calls.context;
  // @ts-expect-error a call's result is a promise
  const number: number = calls.deposit(1);
  // @ts-expect-error one value is no stream
  for await (const _ of calls.deposit(1)) void number;
  // @ts-expect-error a tell gives no answer
  const answer: Promise<number> = account.tell().deposit(1);
  void answer;
  // @ts-expect-error wrong constructor arguments
  system.spawn(Account, { args: [1] });
  // @ts-expect-error unknown option
  system.spawn(Account, { arguments: ["ann"] });
  // @ts-expect-error unknown call option
  account.call({ timeout: 1 });
  // @ts-expect-error an actor's class, not its instance
  system.spawn(new Account("ann"));
}
