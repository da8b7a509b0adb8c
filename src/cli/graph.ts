/** `iris graph`: draws any of Iris's state machines as Mermaid, from the machine that runs. */
import { type Command, InvalidArgumentError } from "commander";
import type { AnyStateMachine } from "xstate";
import { attemptMachine } from "../cluster/controller/machines/attempt.machine.ts";
import { controllerMachine } from "../cluster/controller/machines/controller.machine.ts";
import { jobMachine } from "../cluster/controller/machines/job.machine.ts";
import { taskMachine } from "../cluster/controller/machines/task.machine.ts";
import { workerMachine as presenceMachine } from "../cluster/controller/machines/worker.machine.ts";
import { attemptMachine as runMachine } from "../cluster/worker/machines/attempt.machine.ts";
import { workerMachine } from "../cluster/worker/machines/worker.machine.ts";
import { connectionMachine } from "../net/connection.machine.ts";
import { sessionMachine } from "../net/session.machine.ts";
import { actorMachine } from "../runtime/actor.machine.ts";
import { supervisorMachine } from "../supervisors/supervisor.machine.ts";
import type { CommandContext } from "./command.ts";
import { EXIT } from "./exit-status.ts";
import { mermaid } from "./mermaid.ts";

/** Every machine by the name that people use for it. */
export const MACHINES: Readonly<Record<string, AnyStateMachine>> = {
  actor: actorMachine,
  supervisor: supervisorMachine,
  session: sessionMachine,
  connection: connectionMachine,
  controller: controllerMachine,
  job: jobMachine,
  task: taskMachine,
  attempt: attemptMachine,
  "worker-presence": presenceMachine,
  worker: workerMachine,
  "attempt-run": runMachine,
};

export function addGraphCommand(program: Command, { terminal, run }: CommandContext): void {
  program
    .command("graph")
    .description("draw a state machine as a Mermaid diagram")
    .argument("<name>", `one of ${Object.keys(MACHINES).join(", ")}`, machineOf)
    .option("--json", "print the states and their events as JSON")
    .addHelpText("after", "\nExample:\n  iris graph job\n")
    .action((machine: AnyStateMachine, flags: { json?: boolean }) =>
      run(async () => {
        terminal.out(flags.json ? `${JSON.stringify(statesOf(machine))}\n` : mermaid(machine));
        return EXIT.ok;
      }),
    );
}

function machineOf(name: string): AnyStateMachine {
  const machine = Object.hasOwn(MACHINES, name) ? MACHINES[name] : undefined;
  if (machine === undefined) throw new InvalidArgumentError(`there are ${Object.keys(MACHINES).join(", ")}.`);
  return machine;
}

function statesOf(machine: AnyStateMachine): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(machine.root.states).map(([name, node]) => [name, [...node.transitions.keys()]]),
  );
}
