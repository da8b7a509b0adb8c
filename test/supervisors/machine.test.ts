/** That it is walked whole is in `test/machines.test.ts`; here is what its shape means. */
import test from "ava";
import { supervisorMachine, supervisorTable } from "../../src/supervisors/supervisor.machine.ts";
import { walkMachine } from "../kit/machine-walk.ts";

test("the life of a supervisor, every transition", (t) => {
  const leave = "stopping: abandonStarts stopChildren";
  const die = "stopping: abandonStarts killChildren stopChildren";
  t.deepEqual(
    walkMachine(t, supervisorMachine, supervisorTable).steps,
    [
      "starting --started--> running",
      `starting --startFailed--> ${leave}`,
      `starting --stop--> ${leave}`,
      `starting --kill--> ${die}`,
      "running --restart--> restarting",
      `running --giveUp--> ${leave}`,
      `running --shutDown--> ${leave}`,
      `running --stop--> ${leave}`,
      `running --kill--> ${die}`,
      "restarting --restarted--> running",
      `restarting --stop--> ${leave}`,
      `restarting --kill--> ${die}`,
      "stopping --kill--> stopping: killChildren",
      "stopping --childrenStopped--> ended: announceEnd",
    ].sort(),
  );
});

test("from stopping there is no way back", (t) => {
  for (const step of walkMachine(t, supervisorMachine, supervisorTable).steps) {
    if (step.startsWith("stopping") || step.startsWith("ended")) t.regex(step, /--> (stopping|ended)/);
  }
});
