/** A supervisor at the top: nobody above it decides anything, so the system shows it, and stops it when it stops. */
import { addBranch } from "../runtime/branch.ts";
import { describeExit } from "../runtime/exit.ts";
import type { ActorSystem } from "../runtime/system.ts";
import { snapshotOf } from "./snapshot.ts";
import type { SupervisorRef, SupervisorSpec } from "./spec.ts";
import { Supervisor } from "./supervisor.ts";

/** Starts `spec` as a root of `system`. `ALREADY_EXISTS` if a root of its name runs; else as `Supervisor.start`. */
export async function startRoot(spec: SupervisorSpec, system: ActorSystem): Promise<SupervisorRef> {
  const path = spec.name;
  const logger = system.logger.child({ tree: path });
  const root = new Supervisor(spec, {
    system,
    path,
    logger,
    signal: new AbortController().signal,
    args: [],
    previous: undefined,
    report: () => {},
  });
  const leave = addBranch(system, {
    path,
    snapshot: (find) => snapshotOf({ path, state: root.state, restarts: 0 }, root.whichChildren(), find),
    stop: () => root.stop("the system stops"),
    kill: (why) => root.kill(why),
  });
  // Before anybody else hears of the end, who may look for what is left.
  void root.ended.then((reason) => {
    root.release();
    leave();
    logger.info({ reason: describeExit(reason) }, "tree has ended");
  });
  return root.start();
}
