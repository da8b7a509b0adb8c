/** The server's process: `node server-main.ts PLACE`. Serves until its parent lets go. */
import { serveParent } from "../../src/cli/bench-process.ts";
import { loadSubject } from "./load-subject.ts";

const subject = await loadSubject(process.argv[2] ?? "");
serveParent(await subject.serve());
