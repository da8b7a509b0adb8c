/** An explanation in words (pure): lines for people, from nothing but its data. */
import type { CausalEvent, Explanation, TaskStory } from "../../net/wire/iris.ts";
import { obstacleText } from "./scheduler.ts";

export function textOf(told: Omit<Explanation, "text">): string {
  const lines = [`${told.id} ${told.summary}`];
  if (told.obstacles.length > 0) {
    lines.push("", "In the way of waiting tasks:");
    for (const obstacle of told.obstacles) {
      const { tasks, workers, workersNever } = obstacle;
      const never =
        workersNever === 0 ? "" : `, ${workersNever === workers ? "all" : workersNever} of them even when empty`;
      lines.push(`  ${tasks} ${tasks === 1 ? "task" : "tasks"}: ${obstacleText(obstacle)}${never}`);
    }
  }
  if (told.chain.length > 0) {
    lines.push("", "What led to it, first to last:");
    if (told.chainIsCut) lines.push("  (what came before is no longer in the log)");
    for (const event of told.chain) lines.push(`  ${eventText(event)}`);
  }
  for (const story of told.tasks) lines.push("", ...storyLines(story));
  if (told.tasksLeftOut > 0) lines.push("", `and ${told.tasksLeftOut} more such tasks: ask for one by its id`);
  return lines.join("\n");
}

function storyLines({ taskId, state, cause, nextTryAtMs, attempts, attemptsLeftOut }: TaskStory): string[] {
  const next = nextTryAtMs === undefined ? "" : `, next try not before ${timeText(nextTryAtMs)}`;
  const lines = [`Task ${taskId} ${state}${next}${cause === undefined ? "" : `: ${cause.message}`}`];
  if (attemptsLeftOut > 0) lines.push(`  (${attemptsLeftOut} earlier attempts)`);
  for (const { status, chain, chainIsCut } of attempts) {
    if (status === undefined) continue;
    const why = status.cause === undefined ? "" : `: ${status.cause.message}`;
    lines.push(`  attempt ${status.attempt} on ${status.workerId} ${status.state}${why}`);
    if (chainIsCut) lines.push("    (what came before is no longer in the log)");
    for (const event of chain) {
      const subject = event.subject === status.uid ? "" : `${event.subjectName} `;
      lines.push(`    ${timeText(event.atMs)}  ${subject}${happeningText(event)}`);
    }
  }
  return lines;
}

function eventText(event: CausalEvent): string {
  return `${timeText(event.atMs)}  ${event.subjectName} ${happeningText(event)}`;
}

function happeningText({ what, message }: CausalEvent): string {
  return message === "" ? what : `${what}: ${message}`;
}

function timeText(atMs: number): string {
  return new Date(atMs).toISOString();
}
