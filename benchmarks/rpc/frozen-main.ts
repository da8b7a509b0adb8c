/** A peer that will be frozen: `node frozen-main.ts PLACE ADDRESS`. When asked, it calls for more than its socket holds. */
import { serveParent } from "../../src/cli/bench-process.ts";
import { loadSubject } from "./load-subject.ts";
import { isFloor } from "./subject.ts";

const [place = "", address = ""] = process.argv.slice(2);
const client = await (await loadSubject(place)).connect(address);
const IN_FLIGHT = 64;
const bytes = new Uint8Array(64 * 1024);

/** Calls for ever: 64 answers of 64 KiB are on the way whenever it is stopped. */
async function callOn(): Promise<void> {
  while (!isFloor(client)) await client.bytes(bytes);
}

process.once("message", () => {
  for (let index = 0; index < IN_FLIGHT; index++) void callOn();
});
serveParent(address);
