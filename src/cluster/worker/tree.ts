/**
 * The worker's supervision tree: what it consists of and in which order that starts and stops. Stopped from the end, the
 * attempts go first, while the controller can still hear of it; then the link says goodbye; the sign of life goes last.
 */
import { once } from "node:events";
import type { Cause } from "../../net/wire/iris.ts";
import { type SupervisorSpec, service, supervise } from "../../supervisors/index.ts";
import type { Attempts } from "./attempts.ts";
import type { ControllerLink } from "./controller-link.ts";
import type { Probe } from "./probe-listener.ts";

export interface WorkerParts {
  readonly probe: Probe;
  readonly link: ControllerLink;
  readonly attempts: Attempts;
  /** Why attempts end that still run when the worker stops. */
  readonly stopCause: Cause;
}

/** A refused worker asks again, in case the controller is given the token that it lacks now. */
const REFUSED_BACKOFF = { minMs: 1_000, maxMs: 30_000 };

export function workerTree({ probe, link, attempts, stopCause }: WorkerParts): SupervisorSpec {
  return supervise({
    name: "worker",
    strategy: "oneForOne",
    children: [
      service("probe", ({ signal, ready }) => probe.run(signal, ready)),
      service(
        "link",
        async ({ signal, ready }) => {
          ready();
          await link.run(signal);
        },
        { backoff: REFUSED_BACKOFF },
      ),
      service(
        "attempts",
        async ({ signal, ready }) => {
          ready();
          if (!signal.aborted) await once(signal, "abort");
          await attempts.close(stopCause);
        },
        // Tasks have graces of their own; whoever cannot wait for them kills the worker, and they die with it.
        { shutdownMs: "infinity" },
      ),
    ],
  });
}
