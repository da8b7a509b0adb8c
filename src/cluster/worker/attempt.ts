/**
 * One attempt's life on this worker: directory, ports, environment, process, lines, end. What may follow what is in
 * `machines/attempt.machine.ts`; here is what is done about it. Knows nothing of the controller but where lines go. The one
 * invariant: it says `EXITED` once, with one exit that never changes, and only when nothing of its processes is left.
 */
import type {
  AttemptExit,
  AttemptSpec,
  Cause,
  JobSpec,
  ObservedAttempt,
  ObservedAttemptPhase,
} from "../../net/wire/iris.ts";
import { IrisError, toError } from "../../runtime/errors.ts";
import type { Clock, TimerHandle } from "../../runtime/ports/clock.ts";
import type { Logger } from "../../runtime/ports/logger.ts";
import { cause } from "../job/cause.ts";
import { AttemptDirectory } from "./attempt-directory.ts";
import { type Ending, exitOf, exitOfFailedStart } from "./attempt-exit.ts";
import { entryFile } from "./entry-file.ts";
import { WORKER_LIMITS } from "./limits.ts";
import { captureLines } from "./log-capture.ts";
import { LogShipper, type LogStore } from "./log-shipper.ts";
import { type AttemptAction, type AttemptEvent, type AttemptState, attemptTable } from "./machines/attempt.machine.ts";
import type { TaskPorts } from "./ports.ts";
import { type TaskHandle, type TaskRuntime, TaskSetupError } from "./runtime/runtime.ts";
import { type TaskHost, taskEnvironment } from "./task-environment.ts";

/** What attempts of one worker share. */
export interface AttemptContext {
  readonly runtime: TaskRuntime;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ports: TaskPorts;
  readonly store: LogStore;
  readonly host: TaskHost;
  /** Directory that holds those of all attempts. */
  readonly root: string;
  /** What is observed of an attempt has changed. */
  readonly onChange: (uid: string) => void;
}

/** Which attempt of which task. */
export interface AttemptName {
  readonly uid: string;
  readonly taskId: string;
  readonly attempt: number;
}

export class Attempt {
  readonly #context: AttemptContext;
  readonly #name: AttemptName;
  readonly #spec: AttemptSpec;
  readonly #directory: AttemptDirectory;
  readonly #shipper: LogShipper;
  readonly #gone = Promise.withResolvers<void>();
  readonly #over = Promise.withResolvers<void>();
  #state: AttemptState = attemptTable.initial;
  #ports: Record<string, number> = {};
  #task: TaskHandle | undefined;
  #captures: Promise<unknown> = Promise.resolve();
  #startedAtMs: number | undefined;
  #stopCause: Cause | undefined;
  #graceMs: number;
  #exit: AttemptExit | undefined;
  #timeout: TimerHandle | undefined;

  /** Starts at once. */
  constructor(name: AttemptName, spec: AttemptSpec, context: AttemptContext) {
    this.#name = name;
    this.#spec = spec;
    this.#context = context;
    this.#directory = new AttemptDirectory(context.root, name.uid);
    this.#shipper = new LogShipper({ ...name, store: context.store, clock: context.clock });
    this.#graceMs = spec.job?.graceMs ?? 0;
    void this.#live();
  }

  /** Resolves when nothing of its processes is left. Never rejects. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Resolves when it is `EXITED`: its last lines are stored, or have been waited for long enough. Never rejects. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  get isOver(): boolean {
    return attemptTable.isFinal(this.#state);
  }

  get observed(): ObservedAttempt {
    return {
      uid: this.#name.uid,
      phase: this.#phase,
      ports: this.#ports,
      ...(this.isOver ? { exit: this.#exit } : {}),
      ...(this.#startedAtMs === undefined ? {} : { startedAtMs: this.#startedAtMs }),
    };
  }

  /** Ends it: politely, by force after its job's grace. The first cause counts; a shorter grace may still come. */
  stop(why: Cause, graceMs: number = this.#graceMs): void {
    this.#stopCause ??= why;
    if (graceMs < this.#graceMs) {
      this.#graceMs = graceMs;
      if (this.#state === "stopping") this.#carryOut("stopTask");
    }
    this.#step("stopWanted");
  }

  /** Nobody asks about it any more: removes what it left. To be called when it is over. */
  async forget(): Promise<void> {
    this.#shipper.close();
    try {
      await this.#directory.remove();
    } catch (error) {
      this.#context.logger.warn({ ...this.#name, error }, "an attempt's directory could not be removed");
    }
  }

  get #phase(): ObservedAttemptPhase {
    if (this.#state === "exited") return "EXITED";
    if (this.#state === "building") return "BUILDING";
    if (this.#stopCause !== undefined) return "STOPPING";
    return this.#startedAtMs === undefined ? "BUILDING" : "RUNNING";
  }

  /** Its whole life, from start to end. Never rejects. */
  async #live(): Promise<void> {
    const { runtime, clock, ports, logger } = this.#context;
    try {
      const task = await this.#start();
      this.#task = task;
      this.#startedAtMs = clock.now();
      this.#step("started");
      const end = await runtime.wait(task);
      const endedAtMs = clock.now();
      this.#exit = exitOf({ stop: this.#stopCause, end, ...(await this.#outcome()) }, endedAtMs);
      this.#step("ended");
    } catch (error) {
      this.#exit = exitOfFailedStart(error, this.#stopCause, clock.now());
      const message = this.#exit.cause?.message ?? "";
      void this.#shipper.push("BUILD", message, clock.now());
      if (!(error instanceof TaskSetupError)) logger.warn({ ...this.#name, error }, "an attempt could not be run");
      this.#step(this.#task === undefined ? "failed" : "ended");
    }
    clock.clearTimeout(this.#timeout);
    ports.release(this.#ports);
    this.#gone.resolve();
  }

  async #start(): Promise<TaskHandle> {
    const { runtime, clock, ports, host } = this.#context;
    const { job } = this.#spec;
    if (job === undefined) throw new TaskSetupError("INVALID_ARGUMENT", "the attempt came without its job", 126);
    await this.#directory.create();
    this.#ports = await ports.pick(job.ports);
    const { outputDir } = this.#directory;
    const workDir = job.workspace || this.#directory.workDir;
    const argv = await this.#argv(job);
    const env = taskEnvironment(this.#spec, job, { ...this.#name, workDir, outputDir, ports: this.#ports }, host);
    if (this.#stopCause !== undefined) throw new IrisError("CANCELLED", "it was stopped before it was started");
    const task = await runtime.start({ uid: this.#name.uid, mark: outputDir, argv, env, cwd: workDir });
    const sink = this.#shipper.push.bind(this.#shipper);
    this.#captures = Promise.all([
      captureLines(task.stdout, "STDOUT", sink, clock),
      captureLines(task.stderr, "STDERR", sink, clock),
    ]);
    return task;
  }

  async #argv({ entrypoint, workspace }: JobSpec): Promise<readonly string[]> {
    if (entrypoint?.command !== undefined) return entrypoint.command.argv;
    if (entrypoint?.invocation === undefined) {
      throw new TaskSetupError("INVALID_ARGUMENT", "the job has neither a command nor a function to run", 126);
    }
    await this.#directory.writeInvocation(entrypoint.invocation);
    const { invocationFile, resultFile, errorFile } = this.#directory;
    const flags = ["--disable-warning=ExperimentalWarning"];
    const files = [invocationFile, resultFile, errorFile];
    return [process.execPath, ...flags, entryFile("task-main"), ...files, ...(workspace ? [workspace] : [])];
  }

  /** What the task's function threw or returned. A command has no say in this: its files are its own. */
  async #outcome(): Promise<Pick<Ending, "error" | "result">> {
    if (this.#spec.job?.entrypoint?.invocation === undefined) return { error: undefined, result: undefined };
    const [error, result] = await Promise.all([this.#directory.readError(), this.#directory.readResult()]);
    return { error, result };
  }

  #step(event: AttemptEvent): void {
    const next = attemptTable.step(this.#state, event, undefined);
    if (next === undefined) return;
    this.#state = next.state;
    for (const action of next.actions) this.#carryOut(action as AttemptAction);
    if (this.isOver) this.#over.resolve();
  }

  #carryOut(action: AttemptAction): void {
    switch (action) {
      case "armTimeout":
        this.#armTimeout();
        return;
      case "stopTask":
        this.#stopTask();
        return;
      case "flushLogs":
        void this.#flush();
        return;
      case "report":
        this.#context.onChange(this.#name.uid);
        return;
    }
  }

  #armTimeout(): void {
    const timeoutMs = this.#spec.job?.timeoutMs ?? 0;
    if (timeoutMs === 0) return;
    this.#timeout = this.#context.clock.setTimeout(
      () => this.stop(cause("timeout", `it ran longer than its limit of ${timeoutMs} ms`)),
      timeoutMs,
    );
  }

  #stopTask(): void {
    if (this.#task === undefined) return;
    this.#context.runtime.stop(this.#task, this.#graceMs).catch((thrown) => {
      this.#context.logger.error({ ...this.#name, error: toError(thrown) }, "an attempt could not be stopped");
    });
  }

  /** Its last lines first, then the news of its end; while the controller is away both wait, here nothing does. */
  async #flush(): Promise<void> {
    const { clock, store, logger } = this.#context;
    let timer: TimerHandle;
    const patience = new Promise<void>((resolve) => {
      const look = () => {
        if (!store.isUp) {
          timer = clock.setTimeout(look, WORKER_LIMITS.flushMs);
          return;
        }
        logger.warn(
          { ...this.#name, waitedMs: WORKER_LIMITS.flushMs },
          "an attempt's last lines could not be stored in time",
        );
        resolve();
      };
      timer = clock.setTimeout(look, WORKER_LIMITS.flushMs);
    });
    await Promise.race([patience, this.#captures.then(() => this.#shipper.flush())]);
    clock.clearTimeout(timer);
    this.#step("flushed");
  }
}
