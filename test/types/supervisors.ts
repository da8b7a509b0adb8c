/** What must compile of supervision, and what must not. Compiled by `npm run types`, never run. */
import {
  Actor,
  type ActorRef,
  type ActorSystem,
  actor,
  type ChildInfo,
  type ChildSpec,
  type Counts,
  dynamic,
  type ExitReason,
  formatTree,
  processChild,
  type SupervisionEvent,
  type SupervisorRef,
  type SupervisorSpec,
  service,
  supervise,
  thread,
} from "../../src/index.ts";

class Account extends Actor {
  readonly owner: string;
  constructor(owner: string, balance = 0) {
    super();
    this.owner = owner + balance;
  }
  deposit(amount: number): number {
    return amount;
  }
  protected open(supervisor: SupervisorRef): ActorRef<Account> {
    // @ts-expect-error a child of an actor has no other supervisor
    this.context.spawn(Account, { args: ["ann"], supervisor });
    return this.context.spawn(Account, { args: ["ann"] });
  }
}

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(..._proof: Equal<A, B> extends true ? [] : [never]): void {}

export async function compiles(system: ActorSystem): Promise<void> {
  const children: ChildSpec[] = [
    actor(Account, { id: "a", args: ["ann", 1], restart: "transient", mailbox: { capacity: 1, onRestart: "fail" } }),
    // Arguments may follow: from startChild, below a dynamic supervisor.
    actor(Account, { id: "b", args: ["bob"], backoff: { minMs: 1, maxMs: 2 } }),
    service("s", async (ctx) => ctx.ready(), { shutdownMs: "kill" }),
    thread("t", new URL("file:///t.ts"), { data: 1 }),
    processChild("p", ["cmd", "arg"], { ready: { port: 80 }, significant: true, restart: "temporary" }),
  ];
  const spec: SupervisorSpec = supervise({ name: "tree", strategy: "restForOne", children });
  // A tree is a child spec: trees nest.
  const nested: SupervisorSpec = supervise({
    name: "above",
    children: [spec, dynamic("rooms", children[0] as ChildSpec)],
  });
  const root: SupervisorRef = await system.start(nested);

  const account = root.ref<Account>("a");
  same<typeof account, ActorRef<Account>>();
  same<ReturnType<typeof root.whichChildren>, ChildInfo[]>();
  same<ReturnType<typeof root.countChildren>, Counts>();
  same<ReturnType<typeof root.startChild>, Promise<ChildInfo>>();
  same<ReturnType<typeof root.stop>, Promise<ExitReason>>();
  for await (const event of root.events()) {
    same<typeof event, SupervisionEvent>();
    if (event.kind === "gave-up") same<typeof event.restarts, number>();
    if (event.kind === "exited") same<typeof event.cause, ExitReason>();
    // @ts-expect-error what was decided is told of an end
    if (event.kind === "ended") void event.decision;
  }
  await root.startChild({ id: "r", args: [1] });
  const guest = system.spawn(Account, { args: ["ann"], supervisor: root, restart: "permanent" });
  same<typeof guest, ActorRef<Account>>();
  same<ReturnType<typeof formatTree>, string>();
  formatTree(system.inspect());

  // @ts-expect-error a number is no owner
  actor(Account, { id: "a", args: [1] });
  // @ts-expect-error every child has an id
  actor(Account, {});
  // @ts-expect-error no such restart
  actor(Account, { id: "a", restart: "always" });
  // @ts-expect-error no such strategy
  supervise({ name: "x", strategy: "oneForNone", children: [] });
  // @ts-expect-error a command is a list of words
  processChild("p", "cmd arg");
  // @ts-expect-error a supervisor is no name
  system.spawn(Account, { args: ["ann"], supervisor: "root" });
  // @ts-expect-error no such restart
  system.spawn(Account, { args: ["ann"], supervisor: root, restart: "always" });
}
