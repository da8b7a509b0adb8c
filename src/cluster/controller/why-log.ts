/**
 * Reads from the journal what an explanation is made of: the events of some attempts, and what led to them and to others,
 * cause by cause. It explains nothing. Bounded in width and depth, so that asking why costs little however long the log.
 */
import type { Journal } from "./journal.ts";
import type { EventRow } from "./kernel/command.ts";
import type { EventLog, Question } from "./why.ts";

/** Events of one attempt: it has five states between its first and its last. */
const ATTEMPT_EVENTS_MAX = 32;
/** Causes followed from one event: cascades go as deep as trees of jobs, with a few steps for each. */
const CHAIN_LENGTH_MAX = 256;

export async function readLog(
  journal: Pick<Journal, "events" | "eventsById">,
  { roots, uids }: Question,
): Promise<EventLog> {
  const ofAttempt = new Map<string, readonly EventRow[]>();
  const byId = new Map<number, EventRow>();
  for (const uid of uids) {
    const events = await journal.events(uid, ATTEMPT_EVENTS_MAX);
    ofAttempt.set(uid, events);
    for (const event of events) byId.set(event.id, event);
  }
  let wanted = [...roots, ...[...byId.values()].map(({ causeEventId }) => causeEventId)];
  for (let depth = 0; depth < CHAIN_LENGTH_MAX; depth++) {
    const unread = [...new Set(wanted)].filter((id) => id !== 0 && !byId.has(id));
    if (unread.length === 0) break;
    const found = await journal.eventsById(unread);
    for (const event of found) byId.set(event.id, event);
    wanted = found.map(({ causeEventId }) => causeEventId);
  }
  return { ofAttempt, byId };
}
