/**
 * The way into a cluster for programs: one connection to the controller, and handles on what is there. It decides
 * nothing about jobs and keeps nothing of them; it packs requests and asks.
 */
import { EndpointRegistrar } from "../../net/registrar.ts";
import type { Transport } from "../../net/transport.ts";
import { wsTransport } from "../../net/transport-ws.ts";
import { IrisError } from "../../runtime/errors.ts";
import { opaqueId } from "../../runtime/ids.ts";
import { backgroundClock, type Clock, systemClock } from "../../runtime/ports/clock.ts";
import type { Logger } from "../../runtime/ports/logger.ts";
import { type Random, systemRandom } from "../../runtime/ports/random.ts";
import { parseId } from "../job/id.ts";
import { checkIdempotencyKey, type JobRequest, toIfExists, toJobSpec } from "../job/request.ts";
import type { CallOptions } from "./call-options.ts";
import { ControlLink } from "./control-link.ts";
import { packEntrypoint } from "./entrypoint.ts";
import { type Job, jobHandle } from "./job.ts";
import { pages } from "./pages.ts";
import { ClusterResolver, type ClusterResolverOptions } from "./resolver.ts";
import type { Endpoint, Explanation, JobState, JobStatus, WorkerStatus } from "./status.ts";

/** Length of a key that is made for a submission, so that it can be repeated when its answer was lost. */
const IDEMPOTENCY_KEY_LENGTH = 24;

export interface ClientOptions {
  /** The controller's, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly token: string;
  /** Directory of jobs that do not name one: absolute; `null` for none; `undefined` for the parent job's. */
  readonly workspace: string | null | undefined;
  /** What `undefined` above means here: the parent job's directory, against which functions are packed. */
  readonly parentWorkspace?: string | null | undefined;
  /** Namespace of endpoints for a caller outside any job. Default: the token's own. */
  readonly namespace?: string | undefined;
  /** Where relative workspaces begin: absolute. */
  readonly cwd: string;
  readonly transport?: Transport | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly logger?: Logger | undefined;
  /** Whether it leaves the process alive only while calls go on. Default false: an open client keeps it. */
  readonly isBackground?: boolean | undefined;
  /** What else ends with the client. */
  readonly onClose?: (() => Promise<void>) | undefined;
}

/** Registers addresses with the controller under names of this client's namespace. */
export interface EndpointRegistry {
  /**
   * Others find `address` (`ws://host:port`) by `name` until it is unregistered, the attempt that registered it ends, or
   * this client closes. Resolves when it can be found. Rejects with `FAILED_PRECONDITION` when the attempt has ended.
   */
  register(name: string, address: string, metadata?: Record<string, string>): Promise<Endpoint>;
  /** Takes a registration back; one that is gone already is fine. */
  unregister(endpointId: string): Promise<void>;
}

export interface JobFilter extends CallOptions {
  /** Only jobs in these states. Default: all. */
  states?: JobState[];
  /** Only jobs of this name. */
  name?: string;
  /** Only children of this job. Default: root jobs. */
  parentId?: string;
  /** All descendants rather than one level. Default false. */
  recursive?: boolean;
}

export class Client implements AsyncDisposable {
  /** The controller's URL. */
  readonly url: string;
  /** Directory that functions are packed against, and that jobs run in, unless a job says otherwise; null for none. */
  readonly workspace: string | null;
  readonly #link: ControlLink;
  readonly #random: Random;
  readonly #options: ClientOptions;
  readonly #resolvers = new Set<ClusterResolver>();
  #registrar: EndpointRegistrar | undefined;
  #closing: Promise<void> | undefined;

  /** Begins to connect, and does so for ever until closed. Throws `INVALID_ARGUMENT` for a bad URL. */
  constructor(options: ClientOptions) {
    const { url, token, random = systemRandom, logger, isBackground = false } = options;
    const transport = options.transport ?? wsTransport({ keepsProcess: !isBackground });
    const clock = options.clock ?? (isBackground ? backgroundClock : systemClock);
    this.url = url;
    this.workspace = (options.workspace === undefined ? options.parentWorkspace : options.workspace) ?? null;
    this.#options = options;
    this.#random = random;
    this.#link = new ControlLink({ url, token, transport, clock, random, logger, isBackground });
  }

  /**
   * Resolves when the controller has answered: for who wants to know at once that it is there. Rejects with
   * `UNAVAILABLE` when it does not within `timeoutMs` (default 30 000), and with `UNAUTHENTICATED`.
   */
  async ready(options: CallOptions = {}): Promise<void> {
    this.#checkOpen();
    await this.#link.ready(options);
  }

  /**
   * Submits a job; it is durable when this resolves. The request is checked, and its function packed, before this
   * returns: later changes of what it refers to are not seen. Rejects with `INVALID_ARGUMENT`, `NOT_SHIPPABLE`,
   * `ALREADY_EXISTS` for a live job of that name below the same parent, `FAILED_PRECONDITION` when the parent has ended,
   * `RESOURCE_EXHAUSTED` at the limits of admission, `UNAVAILABLE`. Repeats itself safely when its answer was lost.
   */
  async submit<R>(request: JobRequest<R>, options: CallOptions = {}): Promise<Job<R>> {
    const { workspace, cwd } = this.#options;
    const spec = toJobSpec(request, {
      workspace,
      cwd,
      pack: (entrypoint, of) => packEntrypoint(entrypoint, of === undefined ? this.workspace : of),
    });
    const ifExists = toIfExists(request.ifExists);
    const key = checkIdempotencyKey(request.idempotencyKey) ?? opaqueId(this.#random, IDEMPOTENCY_KEY_LENGTH);
    const { jobId } = await this.#link.call("submit", { spec, ifExists, idempotencyKey: key }, options);
    return jobHandle<R>(this.#link, jobId, request.name);
  }

  /** A handle on a job by its id; asks nobody. Throws `INVALID_ARGUMENT` for what is no job's id. */
  job<R = unknown>(id: string): Job<R> {
    const parsed = parseId(id);
    if (parsed.kind === "task") {
      throw new IrisError(
        "INVALID_ARGUMENT",
        `${id} is a task: its job is ${parsed.jobId}, and it is job.task(${parsed.index}) there`,
      );
    }
    return jobHandle<R>(this.#link, id);
  }

  /** Jobs, newest first, asked for page by page while the loop goes on. */
  jobs(filter: JobFilter = {}): AsyncIterable<JobStatus> {
    const { states = [], name = "", parentId = "", recursive = false, timeoutMs, signal } = filter;
    return pages(async (cursor) => {
      const request = { states, name, parentId, recursive, cursor, limit: 0 };
      const page = await this.#link.call("listJobs", request, { timeoutMs, signal });
      return { items: page.jobs, cursor: page.cursor };
    });
  }

  /** Workers by id; those that are gone only if asked for. */
  async workers(options: CallOptions & { includeGone?: boolean } = {}): Promise<WorkerStatus[]> {
    const { includeGone = false, ...call } = options;
    return (await this.#link.call("listWorkers", { includeGone }, call)).workers;
  }

  /**
   * Why a job or a task (`<job id>/<index>`) stands where it stands: what is in the way of one that waits, what ended each
   * try of one that was tried again, what led to an end. As data, and in words as `text`. A task's client sees its own
   * hierarchy alone. Rejects with `INVALID_ARGUMENT` for what is no id, `NOT_FOUND`, `PERMISSION_DENIED`, `UNAVAILABLE`.
   */
  async why(id: string, options: CallOptions = {}): Promise<Explanation> {
    parseId(id);
    return await this.#link.call("why", { id }, options);
  }

  /** Endpoints of this client's namespace whose name begins with `prefix`, by name, then by age. */
  async endpoints(prefix = "", options: CallOptions & { namespace?: string } = {}): Promise<Endpoint[]> {
    const { namespace = this.#options.namespace ?? "", ...call } = options;
    return (await this.#link.call("listEndpoints", { prefix, namespace }, call)).endpoints;
  }

  /** Registers addresses: for actor servers of other kinds than Iris's own, which do this by themselves. */
  get endpointRegistry(): EndpointRegistry {
    const registrar = this.#openRegistrar();
    return {
      register: async (name, address, metadata) => {
        using _held = this.#link.hold();
        return await registrar.register(name, address, metadata);
      },
      unregister: async (endpointId) => {
        using _held = this.#link.hold();
        await registrar.unregister(endpointId);
      },
    };
  }

  /** Finds actors by the names they are registered under. Ends with this client, at the latest. */
  resolver(options: Pick<ClusterResolverOptions, "namespace" | "limits"> = {}): ClusterResolver {
    this.#checkOpen();
    const { transport, random, logger } = this.#options;
    const resolver: ClusterResolver = new ClusterResolver(this.#link, {
      namespace: options.namespace ?? this.#options.namespace,
      limits: options.limits,
      transport,
      random,
      logger,
      onClose: () => this.#resolvers.delete(resolver),
    });
    this.#resolvers.add(resolver);
    return resolver;
  }

  /** Ends the connection and all that came from it: calls in flight fail with `CANCELLED`, jobs go on. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new IrisError("CANCELLED", `the client of ${this.url} was closed`);
  }

  #openRegistrar(): EndpointRegistrar {
    this.#checkOpen();
    this.#registrar ??= new EndpointRegistrar({
      channel: this.#link.connection,
      clock: this.#link.clock,
      random: this.#random,
      ...(this.#options.namespace === undefined ? {} : { namespace: this.#options.namespace }),
    });
    return this.#registrar;
  }

  async #close(): Promise<void> {
    await this.#registrar?.close();
    await Promise.all([...this.#resolvers].map((resolver) => resolver.close()));
    await this.#link.close();
    await this.#options.onClose?.();
  }
}
