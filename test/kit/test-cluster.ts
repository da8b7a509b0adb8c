/**
 * A whole cluster in this process, on a clock that moves when told to and a network that breaks when told to: the real
 * controller, workers, sessions, kernel and client; only what tasks run is by script. After every step the invariants of
 * a cluster are checked from outside, by what its runtimes really run.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "../../src/cluster/client/client.ts";
import type { Job } from "../../src/cluster/client/job.ts";
import type { Explanation, JobStatus } from "../../src/cluster/client/status.ts";
import { Controller } from "../../src/cluster/controller/controller.ts";
import { MemoryJournal } from "../../src/cluster/controller/journal-memory.ts";
import type { ProbeAnswer } from "../../src/cluster/controller/prober.ts";
import { Entrypoint } from "../../src/cluster/job/entrypoint.ts";
import type { JobRequest } from "../../src/cluster/job/request.ts";
import { isFinalJob } from "../../src/cluster/job/status.ts";
import { Worker } from "../../src/cluster/worker/worker.ts";
import { FaultyNetwork } from "./faulty-network.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { RecordingLogger } from "./recording-logger.ts";
import { type Script, ScriptedRuntime, script } from "./scripted-runtime.ts";
import { SeededRandom } from "./seeded-random.ts";

const TOKEN = "cluster-token";
const CORES = 4;
/** One step of virtual time: short beside every period of the control plane. Unit: ms. */
const STEP_MS = 20;
/** Virtual time within which whatever must come to pass does. Unit: ms. */
const PATIENCE_MS = 120_000;

interface SimulatedWorker {
  readonly id: string;
  readonly runtime: ScriptedRuntime;
  worker: Worker | undefined;
  life: number;
  /** What its address answers when it is probed. */
  probe: ProbeAnswer;
}

export class TestCluster implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly random: SeededRandom;
  readonly network: FaultyNetwork;
  readonly workers = new Map<string, SimulatedWorker>();
  /** What controllers log. */
  readonly log = new RecordingLogger();
  /** The state that controllers go on from. */
  journal = new MemoryJournal();
  readonly #folder: string;
  readonly #orphanAfterMs: number | undefined;
  readonly #finals = new Map<string, string>();
  readonly #started = new Set<string>();
  #controller: Controller | undefined;
  #client: Client | undefined;

  private constructor(folder: string, seed: number, orphanAfterMs: number | undefined) {
    this.#folder = folder;
    this.#orphanAfterMs = orphanAfterMs;
    this.random = new SeededRandom(seed);
    this.network = new FaultyNetwork({ clock: this.clock, seed });
  }

  static async start(options: {
    workers: readonly string[];
    seed?: number;
    orphanAfterMs?: number;
  }): Promise<TestCluster> {
    const folder = await mkdtemp(join(tmpdir(), "iris-sim-"));
    const cluster = new TestCluster(folder, options.seed ?? 1, options.orphanAfterMs);
    await cluster.startController();
    for (const id of options.workers) await cluster.startWorker(id);
    return cluster;
  }

  get client(): Client {
    this.#client ??= new Client({
      url: "http://controller:8080",
      token: TOKEN,
      workspace: null,
      cwd: this.#folder,
      transport: this.network.transport("client"),
      clock: this.clock,
      random: this.random,
    });
    return this.#client;
  }

  async startController(): Promise<void> {
    this.#controller = await this.#during(
      Controller.start({
        transport: this.network.transport("controller"),
        stateDir: null,
        token: TOKEN,
        clock: this.clock,
        random: this.random,
        logger: this.log,
        journal: this.journal,
        probe: { probe: async (address) => this.workers.get(address.split(":")[0] ?? "")?.probe ?? "refused" },
      }),
    );
  }

  /** The controller's process ends and another one goes on: from the same journal, or from another state. */
  async restartController(journal: MemoryJournal = this.journal): Promise<void> {
    this.journal = journal;
    await this.#during(this.#controller?.stop() ?? Promise.resolve());
    await this.startController();
  }

  async startWorker(id: string): Promise<void> {
    const life = (this.workers.get(id)?.life ?? 0) + 1;
    const runtime = new ScriptedRuntime(this.clock);
    const one: SimulatedWorker = { id, runtime, worker: undefined, life, probe: "accepted" };
    this.workers.set(id, one);
    one.worker = await this.#during(
      Worker.start({
        controller: "http://controller:8080",
        token: TOKEN,
        transport: this.network.transport(id),
        runtime,
        workDir: join(this.#folder, `${id}-${life}`),
        workerId: id,
        host: id,
        capacity: { cpuMillis: CORES * 1000, memoryBytes: 2 ** 33 },
        clock: this.clock,
        random: this.random,
        listenForProbes: async () => ({ port: 7, ended: new Promise(() => {}), stop: async () => {} }),
        isPortFree: async () => true,
        orphanAfterMs: this.#orphanAfterMs,
        environment: {},
      }),
    );
  }

  /** The worker's process and all its tasks are killed: nobody says goodbye, its address refuses. */
  async killWorker(id: string): Promise<void> {
    const one = this.#worker(id);
    one.probe = "refused";
    this.network.cut(id);
    for (const uid of one.runtime.running) one.runtime.finish(uid, { exitCode: undefined, signal: "SIGKILL" });
    // What is left of it in this process must go as well; it is cut off, so nobody hears of that.
    const { worker } = one;
    one.worker = undefined;
    await this.#during(worker?.stop() ?? Promise.resolve());
  }

  /** The cable of a worker is out: nothing passes, and its address does not answer. */
  unplug(id: string): void {
    this.#worker(id).probe = "no-answer";
    this.network.cut(id);
  }

  plug(id: string): void {
    this.#worker(id).probe = "accepted";
    this.network.heal();
  }

  async submit(what: Script, request: Partial<JobRequest<void>> = {}): Promise<Job<void>> {
    const entrypoint = Entrypoint.fromCommand(script(what));
    const resources = { cpu: 1, memory: "64MiB" };
    return await this.#during(this.client.submit({ name: "job", resources, ...request, entrypoint }));
  }

  status(job: Pick<Job, "id">): Promise<JobStatus> {
    return this.#during(this.client.job(job.id).status());
  }

  why(id: string): Promise<Explanation> {
    return this.#during(this.client.why(id));
  }

  async workersOf(job: Job): Promise<(string | undefined)[]> {
    const tasks = await this.#during(job.tasks());
    return await Promise.all(tasks.map(async (task) => (await this.#during(task.status())).workerId));
  }

  /** Lets time pass until `look` gives something; the invariants hold after every step. */
  async until<T>(look: () => Promise<T | undefined> | T | undefined, what: string): Promise<T> {
    for (let passedMs = 0; passedMs < PATIENCE_MS; passedMs += STEP_MS) {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      await this.pass(STEP_MS);
    }
    throw new Error(`never came to pass within ${PATIENCE_MS} ms: ${what}`);
  }

  reaches(job: Pick<Job, "id">, state: JobStatus["state"]): Promise<JobStatus> {
    return this.until(async () => {
      const status = await this.status(job);
      return status.state === state ? status : undefined;
    }, `${job.id} is ${state}`);
  }

  /** Lets `ms` pass, in small steps. */
  async pass(ms: number): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= STEP_MS) {
      await this.clock.advance(Math.min(STEP_MS, leftMs));
      // Work directories are real: a moment for the disk.
      await new Promise((resolve) => setTimeout(resolve, 1));
      await settle(4);
      this.#checkRuntimes();
    }
  }

  /** Uids of what runs, by worker. */
  running(): Map<string, string[]> {
    return new Map([...this.workers.values()].map(({ id, runtime }) => [id, runtime.running]));
  }

  /** Looks at every job: final states stay final, nobody outlives an ended parent, ends have causes. */
  async checkJobs(): Promise<void> {
    const all = new Map<string, JobStatus>();
    for await (const status of this.#jobs()) all.set(status.id, status);
    for (const status of all.values()) {
      const before = this.#finals.get(status.id);
      if (before !== undefined && before !== status.state) throw new Error(`${status.id}: ${before} → ${status.state}`);
      if (!isFinalJob(status.state)) {
        const parent = status.parentId === undefined ? undefined : all.get(status.parentId);
        if (parent !== undefined && isFinalJob(parent.state)) throw new Error(`${status.id} is an orphan`);
        continue;
      }
      this.#finals.set(status.id, status.state);
      if (status.cause === undefined) throw new Error(`${status.id} ended without a cause`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.network.heal();
    await this.#during(this.#client?.close() ?? Promise.resolve());
    for (const { worker } of this.workers.values()) await this.#during(worker?.stop() ?? Promise.resolve());
    await this.#during(this.#controller?.stop() ?? Promise.resolve());
    await rm(this.#folder, { recursive: true, force: true });
    for (const [id, uids] of this.running()) if (uids.length > 0) throw new Error(`${id} left ${uids} running`);
    if (this.clock.pending > 0) throw new Error(`${this.clock.pending} timers are left`);
    if (this.network.links > 0) throw new Error(`${this.network.links} links are left`);
  }

  async *#jobs(): AsyncGenerator<JobStatus> {
    const jobs = this.client.jobs({ recursive: true })[Symbol.asyncIterator]();
    for (;;) {
      const next = await this.#during(jobs.next());
      if (next.done) return;
      yield next.value;
    }
  }

  /** No attempt is started twice, and no worker runs more than it has. */
  #checkRuntimes(): void {
    for (const { id, life, runtime } of this.workers.values()) {
      for (const [at, { uid }] of runtime.launches.entries()) {
        const key = `${id}#${life}:${at}`;
        if (this.#started.has(key)) continue;
        if ([...this.#started].some((known) => known.endsWith(` ${uid}`))) throw new Error(`${uid} was started twice`);
        this.#started.add(key).add(`uid ${uid}`);
      }
      if (runtime.running.length > CORES)
        throw new Error(`${id} runs ${runtime.running.length} tasks on ${CORES} cores`);
    }
  }

  /** Lets time pass while something is awaited. */
  async #during<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = promise.finally(() => {
      isSettled = true;
    });
    settled.catch(() => {});
    for (let passedMs = 0; !isSettled && passedMs < PATIENCE_MS; passedMs += STEP_MS) {
      await settle(2);
      if (!isSettled) await this.pass(STEP_MS);
    }
    if (!isSettled) throw new Error(`still waiting after ${PATIENCE_MS} ms`);
    return await settled;
  }

  #worker(id: string): SimulatedWorker {
    const one = this.workers.get(id);
    if (one === undefined) throw new Error(`no worker ${id}`);
    return one;
  }
}
