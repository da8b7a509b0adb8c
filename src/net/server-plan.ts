/**
 * Where an actor server listens, what it calls itself, whom it registers with and which tokens it takes: worked out from
 * its options and, inside a job, from the task's environment. Pure but for the token it is given to mint. The one
 * invariant: the user's own token is never registered with a controller, where others could read it.
 */
import { IrisError } from "../runtime/errors.ts";
import type { Environment } from "../runtime/ports/environment.ts";
import { controllerRpcAddress } from "./controller-address.ts";

export interface ServerPlanOptions {
  /** Interface to bind. Default: inside a job the one that the worker says, else 127.0.0.1. */
  readonly host?: string | undefined;
  /** TCP port, 0 to 65 535; 0, the default, means any free one. */
  readonly port?: number | undefined;
  /** Host that callers are told to dial. Default: inside a job the one that the worker says, else `host`. */
  readonly advertiseHost?: string | undefined;
  /**
   * What callers must show; null lets everybody in. Default: a random token that is told to those who may look the name
   * up, if the server registers with a controller; and outside a job the user's own token as well.
   */
  readonly token?: string | null | undefined;
  /** Outside a job: the controller to register with, `http://host:port`. Inside one it is known; null means none. */
  readonly controller?: string | null | undefined;
  /** What to show at that controller. Default: the user's own token. */
  readonly controllerToken?: string | undefined;
  /** Namespace to register in, outside a job. Default: the token's. */
  readonly namespace?: string | undefined;
}

export interface ServerPlan {
  readonly host: string;
  readonly port: number;
  readonly advertiseHost: string | undefined;
  /** Tokens that let a caller in; `undefined` lets everybody in. */
  readonly accepted: readonly string[] | undefined;
  /** The token that is registered with the endpoint; empty for none. */
  readonly registeredToken: string;
  readonly controller:
    | { readonly address: string; readonly token: string; readonly namespace: string | undefined }
    | undefined;
}

/** The variables of a task's environment that a server reads; the names are part of the public surface. */
const VARIABLE = {
  jobId: "IRIS_JOB_ID",
  controllerAddress: "IRIS_CONTROLLER_ADDRESS",
  token: "IRIS_TOKEN",
  bindHost: "IRIS_BIND_HOST",
  advertiseHost: "IRIS_ADVERTISE_HOST",
} as const;

/**
 * The plan for a server with these options in this environment. `mint` makes a fresh token, `userToken` finds the user's
 * own; each is asked only if it is needed. Throws `INVALID_ARGUMENT` naming the option.
 */
export function planServer(
  options: ServerPlanOptions,
  environment: Environment,
  mint: () => string,
  userToken: () => string,
): ServerPlan {
  const { port = 0, token } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new IrisError("INVALID_ARGUMENT", `port is ${port}, not a number from 0 to 65535`);
  }
  if (token === "") {
    throw new IrisError("INVALID_ARGUMENT", "token is empty; pass null to let everybody in, or leave it out");
  }
  const isInJob = Boolean(environment[VARIABLE.jobId]);
  const controller = controllerOf(options, environment, isInJob, userToken);
  const host = options.host ?? (isInJob ? environment[VARIABLE.bindHost] : undefined) ?? "127.0.0.1";
  const advertiseHost = options.advertiseHost ?? (isInJob ? environment[VARIABLE.advertiseHost] : undefined);
  const place = { host, port, advertiseHost, controller };
  if (token === null) return { ...place, accepted: undefined, registeredToken: "" };
  if (token !== undefined) return { ...place, accepted: [token], registeredToken: token };
  const minted = isInJob || controller !== undefined ? mint() : "";
  const accepted = [...(minted === "" ? [] : [minted]), ...(isInJob ? [] : [userToken()])];
  return { ...place, accepted, registeredToken: minted };
}

function controllerOf(
  options: ServerPlanOptions,
  environment: Environment,
  isInJob: boolean,
  userToken: () => string,
): ServerPlan["controller"] {
  const address = options.controller ?? (isInJob ? environment[VARIABLE.controllerAddress] : undefined);
  if (options.controller === null || address === undefined || address === "") return undefined;
  const ofJob = isInJob ? environment[VARIABLE.token] : undefined;
  return {
    address: controllerRpcAddress(address),
    token: options.controllerToken ?? ofJob ?? userToken(),
    namespace: options.namespace,
  };
}
