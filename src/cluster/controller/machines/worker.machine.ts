/**
 * A worker as the controller sees it. `expected`: known from before a restart of the controller, not heard of yet.
 * `stalled`: connected but not reporting. `silent`: its link broke and its process may live. `restarting`: its address
 * refuses, so that its process has ended, and it may come back to adopt. Only time makes it `gone`, or its own goodbye.
 */
import { setup } from "xstate";
import { compileTable } from "../../../runtime/table.ts";
import type { PresenceState } from "../state.ts";

export type WorkerEvent =
  | "registered"
  | "reported"
  | "overdue"
  | "linkLost"
  | "goodbye"
  | "probeRefused"
  | "probeAccepted"
  | "probeUnanswered"
  | "deadline";

const end = { target: "gone", actions: "voidAttempts" } as const;
const connected = {
  registered: "alive",
  linkLost: { target: "silent", actions: ["awaitReturn", "probe"] },
  goodbye: end,
} as const;

export const workerMachine = setup({
  types: {} as { events: { type: WorkerEvent } },
  // Orders by name; `kernel/workers.ts` carries them out.
  actions: { awaitReturn() {}, probe() {}, probeLater() {}, extend() {}, awaitRestart() {}, voidAttempts() {} },
}).createMachine({
  id: "worker",
  initial: "expected",
  states: {
    expected: { on: { registered: "alive", deadline: end } },
    alive: { on: { ...connected, reported: "alive", overdue: "stalled" } },
    stalled: { on: { ...connected, reported: "alive" } },
    silent: {
      on: {
        registered: "alive",
        probeRefused: { target: "restarting", actions: "awaitRestart" },
        probeAccepted: { target: "silent", actions: ["extend", "probeLater"] },
        probeUnanswered: { target: "silent", actions: "probeLater" },
        deadline: end,
      },
    },
    restarting: { on: { registered: "alive", deadline: end } },
    gone: { on: { registered: "alive" } },
  },
});

export const workerTable = compileTable<PresenceState, object>(workerMachine, {});
