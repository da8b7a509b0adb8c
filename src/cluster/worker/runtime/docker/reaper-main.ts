/** Waits until the process that started it is gone, and removes its containers. See `reaper.ts`. */
import { text } from "node:stream/consumers";
import { sleep, systemClock } from "../../../../runtime/ports/clock.ts";
import { NOTHING_LEFT } from "./reaper.ts";

/** What the engine was making when its owner ended is there by then. Unit: ms. */
const SECOND_LOOK_MS = 2_000;

const said = await text(process.stdin).catch(() => "");
if (said !== NOTHING_LEFT) {
  // Loaded only now: until then this process is to be as small as can be.
  const { dockerEngine } = await import("./engine.ts");
  const engine = dockerEngine();
  await engine.sweep();
  await sleep(systemClock, SECOND_LOOK_MS);
  await engine.sweep();
}
