/** Makes supervisors to be: `supervise()` for children that are named, `dynamic()` for children from a template. */
import { IrisError } from "../runtime/errors.ts";
import { SUPERVISION_LIMITS } from "./limits.ts";
import type { AutoShutdown, ChildOptions, Intensity, Strategy } from "./options.ts";
import { startRoot } from "./root.ts";
import type { ChildSpec, ChildTemplate, RunningChild, SupervisorSpec } from "./spec.ts";
import { checkSupervisorSpec, childBasics } from "./spec-check.ts";
import { Supervisor } from "./supervisor.ts";

/** As a child of another supervisor it is `permanent`, and gets as long as its children need (`"infinity"`) to stop. */
export interface SuperviseOptions extends ChildOptions {
  /** Its name in paths, and its id below another supervisor. */
  name: string;
  /** Whom a restart takes along: nobody, all, or those started later. Default `oneForOne`. */
  strategy?: Strategy;
  /** Default 3 restarts within 5 000 ms. */
  intensity?: Intensity;
  /** Default `never`. */
  autoShutdown?: AutoShutdown;
  /** Started in this order, stopped in reverse. */
  children: readonly ChildSpec[];
}

/** A supervisor of named children, itself a child spec: trees nest. Throws `INVALID_ARGUMENT` for unsound options. */
export function supervise(options: SuperviseOptions): SupervisorSpec {
  const { strategy = "oneForOne", children } = options;
  if (!Array.isArray(children)) {
    throw new IrisError(
      "INVALID_ARGUMENT",
      `children of supervisor "${options.name}" are not an array: pass children: […]`,
    );
  }
  return supervisorSpec(options.name, options, { strategy, children: [...children] });
}

/**
 * A supervisor whose children are added while it runs, by `startChild({ id?, args? })`, all from one template. It begins
 * with none, stops all at once, and keeps no spec of a child that has ended for good.
 */
export function dynamic(
  name: string,
  template: ChildTemplate,
  options: Omit<SuperviseOptions, "name" | "strategy" | "children"> = {},
): SupervisorSpec {
  if (typeof template !== "function" && typeof template?.start !== "function") {
    const message = `the template of supervisor "${name}" is no child spec and no function that returns one`;
    throw new IrisError("INVALID_ARGUMENT", message);
  }
  return supervisorSpec(name, options, { strategy: "dynamic", children: [], template });
}

function supervisorSpec(
  name: string,
  options: Omit<SuperviseOptions, "name" | "strategy" | "children">,
  own: Pick<SupervisorSpec, "strategy" | "children" | "template">,
): SupervisorSpec {
  const { maxRestarts, withinMs } = SUPERVISION_LIMITS;
  const { intensity = { maxRestarts, withinMs }, autoShutdown = "never", shutdownMs = "infinity" } = options;
  const spec: SupervisorSpec = {
    ...childBasics(name, { ...options, shutdownMs }),
    ...own,
    kind: "supervisor",
    name,
    intensity,
    autoShutdown,
    start: async (env) => asChild(await new Supervisor(spec, env).start()),
    startIn: (system) => startRoot(spec, system),
  };
  checkSupervisorSpec(spec);
  return spec;
}

function asChild(supervisor: Supervisor): RunningChild {
  return {
    supervisor,
    ended: supervisor.ended,
    stop: (why, graceMs) => supervisor.stop(why, graceMs),
    kill: (why) => supervisor.kill(why),
    release: () => supervisor.release(),
  };
}
