#!/usr/bin/env node
// The door to the command line. Written for any Node, so that an old one gets a sentence instead of a syntax error:
// where a newer Node is at hand (the one that development pins), the command runs again on that.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const NODE_MAJOR_MIN = 24;

if (Number(process.versions.node.split(".")[0]) >= NODE_MAJOR_MIN) {
  await import("../dist/cli/iris-main.js");
} else {
  const pinned = pinnedNode();
  if (pinned === undefined) {
    process.stderr.write(
      `iris needs Node.js ${NODE_MAJOR_MIN} or newer; this is ${process.versions.node} (${process.execPath}).\n` +
        "Install a newer one from https://nodejs.org, or run through npx where the project pins it.\n",
    );
    process.exit(2);
  }
  const again = spawnSync(pinned, process.argv.slice(1), { stdio: "inherit" });
  if (again.signal) process.kill(process.pid, again.signal);
  process.exit(again.status ?? 1);
}

function pinnedNode() {
  try {
    const require = createRequire(import.meta.url);
    const manifest = require.resolve(`node-${process.platform}-${process.arch}/package.json`);
    const node = join(dirname(manifest), "bin", "node");
    return existsSync(node) ? node : undefined;
  } catch {
    return undefined;
  }
}
