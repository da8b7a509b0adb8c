/** The public surface, used as its documentation shows it: this compiles, or a name or a shape has changed. Never run. */
import {
  Actor,
  type ActorRef,
  ActorServer,
  ActorSystem,
  type AnyRef,
  actor,
  ClusterResolver,
  container,
  dynamic,
  type Endpoint,
  Entrypoint,
  type ExitReason,
  FixedResolver,
  IrisClient,
  IrisError,
  irisCtx,
  type Job,
  JobFailedError,
  type JobRequest,
  type JobStatus,
  job,
  LocalPool,
  type LogEntry,
  processChild,
  type Resolver,
  type SupervisionEvent,
  type SupervisorRef,
  type SupervisorSpec,
  service,
  supervise,
  type Task,
  type TaskExecutor,
  type TaskFuture,
  type TreeSnapshot,
  thread,
  WorkerPool,
} from "iris-runtime";

class Account extends Actor {
  #balance: number;
  constructor(balance: number) {
    super();
    this.#balance = balance;
  }
  override onStart(): void {}
  override async onStop(_reason: ExitReason): Promise<void> {}
  override onRestart(_reason: ExitReason): void {}
  async add(amount: number): Promise<number> {
    this.context.signal.throwIfAborted();
    this.#balance += amount;
    return this.#balance;
  }
  async *history(): AsyncGenerator<number> {
    yield this.#balance;
  }
}

export async function actors(): Promise<void> {
  await using system = new ActorSystem({ name: "bank" });
  const ref: ActorRef<Account> = system.spawn(Account, {
    name: "account",
    args: [1],
    concurrency: 2,
    mailbox: { capacity: 10, onRestart: "fail" },
  });
  const sum: number = await ref.call({ timeoutMs: 5, signal: AbortSignal.timeout(5), idempotent: true }).add(2);
  for await (const balance of ref.call().history()) balance satisfies number;
  const taken: boolean = ref.tell().add(sum);
  const found: ActorRef<Account> | undefined = system.find<Account>("account");
  const stop: () => void = system.watch(ref satisfies AnyRef, () => {});
  const tree: TreeSnapshot = system.inspect();
  const reason: ExitReason = await ref.stop({ graceMs: 1 });
  const ended: ExitReason = await ref.ended;
  await system.stop({ timeoutMs: 1 });
  void [taken, found, stop, tree, reason, ended, ref.path satisfies string];
}

export async function supervision(system: ActorSystem): Promise<void> {
  const inner: SupervisorSpec = dynamic("accounts", actor(Account, { id: "template", args: [0] }));
  const spec: SupervisorSpec = supervise({
    name: "root",
    strategy: "restForOne",
    intensity: { maxRestarts: 3, withinMs: 5_000 },
    autoShutdown: "anySignificant",
    children: [
      actor(Account, { id: "account", args: [1], restart: "transient", shutdownMs: 100, significant: true }),
      service("poller", async (ctx) => {
        ctx.ready();
        while (!ctx.signal.aborted) await Promise.resolve();
      }),
      thread("primes", new URL("./primes.ts", import.meta.url)),
      processChild("web", ["node", "web.js"], { env: { A: "b" }, cwd: "/", ready: { port: 8080 } }),
      container("db", { image: "db", ports: [5432], memory: "1GiB", cpu: 1 }),
      job("train", { name: "train", entrypoint: Entrypoint.fromCommand(["true"]) }),
      inner,
    ],
  });
  const root: SupervisorRef = await system.start(spec);
  root.whichChildren();
  root.countChildren();
  await root.startChild(actor(Account, { id: "other", args: [1] }));
  await root.terminateChild("other");
  await root.restartChild("other");
  await root.deleteChild("other");
  const account: ActorRef<Account> = root.ref<Account>("account");
  for await (const event of root.events()) event satisfies SupervisionEvent;
  const reason: ExitReason = await root.stop();
  void [account, reason, root.ended satisfies Promise<ExitReason>];
}

export async function network(): Promise<void> {
  await using server = new ActorServer({ host: "127.0.0.1", port: 0, token: null });
  const endpoint: Endpoint = await server.register("account", new Account(1), { zone: "a" });
  await server.listen();
  server.address satisfies string;
  await using fixed = new FixedResolver({ account: "ws://h:1", many: ["ws://h:1", "ws://h:2"] }, { token: "t" });
  await using cluster = new ClusterResolver("http://controller:8080", { namespace: "default", token: "t" });
  const resolver: Resolver = cluster;
  const endpoints: Endpoint[] = await resolver.resolve("account");
  const pool = fixed.lookup<Account>("account");
  await pool.waitForSize(1, { timeoutMs: 1, signal: AbortSignal.timeout(1) });
  const sum: number = await pool.call({ route: "leastOutstanding" }).add(1);
  await pool.call({ route: { hash: "key" }, timeoutMs: 5 }).add(1);
  for await (const balance of pool.call().history()) balance satisfies number;
  for (const answer of await pool.broadcast().add(1)) {
    if (answer.ok) answer.value satisfies number;
    else answer.error satisfies Error;
    answer.endpoint satisfies Endpoint;
  }
  await server.unregister("account");
  await server.stop({ graceMs: 1 });
  await server.serve();
  void [endpoint, endpoints, sum, pool.size satisfies number, pool.endpoints satisfies readonly Endpoint[]];
}

export async function jobs(): Promise<void> {
  await using remote = IrisClient.remote("http://controller:8080", {
    workspace: ".",
    token: "t",
    namespace: "default",
  });
  await using client: IrisClient = await IrisClient.local({ workers: 2, cpu: 4, memory: "2GB" });
  const request: JobRequest<number> = {
    name: "sum",
    entrypoint: Entrypoint.fromCallable((a: number, b: number) => a + b, 1, 2),
    resources: { cpu: 0.5, memory: "512MiB" },
    replicas: 1,
    env: { A: "b" },
    ports: ["web"],
    workspace: null,
    maxRetriesFailure: 1,
    maxRetriesPreemption: 1,
    maxTaskFailures: 0,
    timeoutMs: 1,
    schedulingTimeoutMs: 1,
    detached: true,
    ifExists: "replace",
    onRetry: "keep",
    idempotencyKey: "k",
  };
  const submitted: Job<number> = await client.submit(request);
  const status: JobStatus = await submitted.wait({ timeoutMs: 1, signal: AbortSignal.timeout(1), streamLogs: true });
  const result: number = await submitted.result();
  const tasks: Task<number>[] = await submitted.tasks();
  const children: Job[] = await submitted.children();
  for await (const entry of submitted.logs({ follow: true, tail: 5 })) entry satisfies LogEntry;
  for await (const change of submitted.watch()) change satisfies JobStatus;
  for (const task of tasks) {
    await task.status();
    (await task.result()) satisfies number;
    await task.attempts();
    for await (const entry of task.logs()) entry.source satisfies "stdout" | "stderr" | "build";
  }
  for await (const one of client.jobs()) one satisfies JobStatus;
  await client.workers();
  await client.endpoints("prefix");
  const resolver: Resolver = client.resolver();
  await client.submit({ name: "module", entrypoint: Entrypoint.fromModule("./a.ts", "main", 1) });
  await submitted.terminate();
  void [status, result, children, resolver, remote.job("id"), JobFailedError, IrisError];
}

export async function context(): Promise<void> {
  const ctx = irisCtx();
  [ctx.jobId, ctx.taskId, ctx.namespace, ctx.outputDir] satisfies string[];
  [ctx.taskIndex, ctx.numTasks, ctx.attempt, ctx.port("web")] satisfies number[];
  ctx.parentJobId satisfies string | null;
  ctx.signal satisfies AbortSignal;
  ctx.resolver satisfies Resolver;
  const registered = await ctx.controller.endpointRegistry.register("name", "ws://h:1", { zone: "a" });
  await ctx.controller.endpointRegistry.unregister(registered.endpointId);
  await ctx.client.submit({ name: "child", entrypoint: Entrypoint.fromCommand(["true"]) });
}

export async function pools(client: IrisClient): Promise<void> {
  await using workers = new WorkerPool(client, { numWorkers: 2, resources: { cpu: 1 }, maxRetries: 1, inFlightMax: 5 });
  await using local = new LocalPool({ threads: 2, inFlightMax: 5 });
  for (const pool of [workers, local] satisfies TaskExecutor[]) {
    const future: TaskFuture<number> = pool.submit((n: number) => n + 1, 1);
    (await future) satisfies number;
    (await future.result()) satisfies number;
    future.cancel();
    const options = { ordered: false, inFlightMax: 3, signal: AbortSignal.timeout(1) };
    for await (const one of pool.map(async (n: number) => `${n}`, [1, 2], options)) one satisfies string;
    await pool.ready();
    pool.size satisfies number;
    pool.status();
    await pool.shutdown({ drain: true });
  }
}
