/** A supervisor at the top: nobody above it decides anything, so the system shows it, and stops it when it stops. */
import { addBranch } from "../runtime/branch.ts";
import { describeExit } from "../runtime/exit.ts";
import type { ActorSystem } from "../runtime/system.ts";
import type { SupervisorRef } from "./ref.ts";
import { snapshotOf } from "./snapshot.ts";
import type { SupervisorSpec } from "./spec.ts";
import { Supervisor } from "./supervisor.ts";

/** Starts `spec` as a root of `system`. `ALREADY_EXISTS` if a root of its name runs; else as `Supervisor.start`. */
export async function startRoot(spec: SupervisorSpec, system: ActorSystem): Promise<SupervisorRef> {
  const path = spec.name;
  const giveUp = new AbortController();
  const over = Promise.withResolvers<void>();
  let supervisor: Supervisor | undefined;
  const detach = addBranch(system, {
    path,
    snapshot: (find) =>
      snapshotOf(
        { path, state: supervisor?.state ?? "starting", restarts: 0 },
        supervisor?.whichChildren() ?? [],
        find,
      ),
    stop() {
      giveUp.abort();
      void supervisor?.stop("the system stops");
      return over.promise;
    },
  });
  const logger = system.logger.child({ tree: path });
  const leave = () => {
    detach();
    over.resolve();
  };
  const env = { system, path, logger, signal: giveUp.signal, args: [], previous: undefined, report: () => {} };
  try {
    supervisor = await Supervisor.start(spec, env);
  } catch (error) {
    leave();
    throw error;
  }
  const root = supervisor;
  // Settled before anybody else is told of the end, who may look for what is left.
  void root.ended.then((reason) => {
    root.release();
    logger.info({ reason: describeExit(reason) }, "tree has ended");
    leave();
  });
  return root;
}
