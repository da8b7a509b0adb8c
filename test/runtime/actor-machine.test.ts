import test from "ava";
import { type ActorFacts, actorMachine, actorTable } from "../../src/runtime/actor.machine.ts";
import { walkMachine } from "../kit/machine-walk.ts";

const ALONE: ActorFacts = { supervised: false, retains: false };
const RETAINED: ActorFacts = { supervised: true, retains: true };
const FORGETFUL: ActorFacts = { supervised: true, retains: false };

test("the life of an actor alone, every transition", (t) => {
  t.deepEqual(
    walkMachine(t, actorMachine, actorTable, { facts: [ALONE] }).steps,
    [
      "starting --started--> running: deliver",
      "starting --failed--> closing: armGrace close",
      "starting --stop--> stopping: closeIntake armGrace",
      "starting --kill--> ended: abandon end bounce retire",
      "running --stop--> stopping: closeIntake armGrace deliver",
      "running --crash--> closing: armGrace close",
      "running --kill--> ended: abandon end bounce retire",
      "closing --stop--> closing: armGrace",
      "closing --closed--> ended: end bounce retire",
      "closing --kill--> ended: abandon end bounce retire",
      "stopping --started--> stopping: deliver",
      "stopping --failed--> closing: close",
      "stopping --stop--> stopping: armGrace",
      "stopping --drained--> closing: close",
      "stopping --crash--> closing: close",
      "stopping --kill--> ended: abandon end bounce retire",
    ].sort(),
  );
});

test("a supervised actor goes down where one alone would end, and only a release ends it", (t) => {
  const retained = walkMachine(t, actorMachine, actorTable, { facts: [RETAINED] }).steps;
  const ends = retained.filter((line) => line.includes("--> ended"));
  t.deepEqual(ends, ["down --release--> ended: bounce retire"]);
  t.true(retained.includes("down --restart--> starting: start"));
  t.true(retained.includes("closing --closed--> down: end"));
  const forgetful = walkMachine(t, actorMachine, actorTable, { facts: [FORGETFUL] }).steps;
  t.true(forgetful.includes("closing --closed--> down: end bounce"));
});

test("only ended is final", (t) => {
  t.deepEqual(
    actorTable.states.filter((state) => actorTable.isFinal(state)),
    ["ended"],
  );
});
