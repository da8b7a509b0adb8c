/** A real cluster for end-to-end tests: a controller and workers as processes of the command line, in a folder of their own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IrisClient } from "iris-runtime";
import { IRIS_BIN, PROJECT, Program } from "./programs.ts";

export class RealCluster implements AsyncDisposable {
  readonly folder: string;
  readonly token: string;
  readonly workers = new Map<string, Program>();
  #controller: Program | undefined;
  #address = "";
  #port = "0";

  private constructor(folder: string, token: string) {
    this.folder = folder;
    this.token = token;
  }

  static async start(workers: readonly string[]): Promise<RealCluster> {
    const folder = await mkdtemp(join(tmpdir(), "iris-cluster-"));
    const cluster = new RealCluster(folder, `token-${process.pid}-${folder.slice(-6)}`);
    await cluster.startController();
    await Promise.all(workers.map((id) => cluster.startWorker(id)));
    return cluster;
  }

  get address(): string {
    return this.#address;
  }

  /** Environment that makes the command line and programs find this cluster. */
  get env(): Record<string, string> {
    return { IRIS_CONTROLLER: this.#address, IRIS_TOKEN: this.token, IRIS_HOME: join(this.folder, "home") };
  }

  get controller(): Program {
    if (this.#controller === undefined) throw new Error("no controller");
    return this.#controller;
  }

  /** Starts the controller: at its first start on any free port, later on the same one. */
  async startController(): Promise<void> {
    const state = join(this.folder, "state");
    this.#controller = new Program([process.execPath, IRIS_BIN, "controller", "--port", this.#port, "--state", state], {
      env: { IRIS_TOKEN: this.token },
    });
    const [, address = ""] = await this.#controller.seen(/controller at (http:\S+)/);
    this.#address = address;
    this.#port = new URL(address).port;
  }

  async startWorker(id: string): Promise<Program> {
    const argv = ["worker", "--controller", this.#address, "--id", id, "--cpu", "2", "--memory", "2GiB"];
    const worker = new Program([process.execPath, IRIS_BIN, ...argv, "--work-dir", join(this.folder, id)], {
      env: { IRIS_TOKEN: this.token },
    });
    this.workers.set(id, worker);
    await worker.seen(/^worker /m);
    return worker;
  }

  client(): IrisClient {
    return IrisClient.remote(this.#address, { token: this.token, workspace: PROJECT });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Politely first, so that workers end their tasks; a process that stays is a defect that the test must show.
    const programs = [...this.workers.values(), this.controller];
    for (const program of programs) program.kill("SIGTERM");
    await Promise.all(programs.map((program) => program.finished));
    await rm(this.folder, { recursive: true, force: true });
  }
}
