/**
 * Keeps the Node that development pins (as platform packages among the optional dependencies) out of what is published:
 * `strip` rewrites package.json before packing, `restore` puts it back after. Who installs Iris brings a Node.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const MANIFEST = new URL("../package.json", import.meta.url);
const KEPT = new URL("../.package.json.kept", import.meta.url);

switch (process.argv[2]) {
  case "strip": {
    const text = readFileSync(MANIFEST, "utf8");
    const manifest = JSON.parse(text) as { optionalDependencies?: Record<string, string> };
    for (const name of Object.keys(manifest.optionalDependencies ?? {})) {
      if (name.startsWith("node-")) delete manifest.optionalDependencies?.[name];
    }
    if (Object.keys(manifest.optionalDependencies ?? {}).length === 0) delete manifest.optionalDependencies;
    writeFileSync(KEPT, text);
    writeFileSync(MANIFEST, `${JSON.stringify(manifest, null, 2)}\n`);
    break;
  }
  case "restore":
    if (existsSync(KEPT)) renameSync(KEPT, MANIFEST);
    break;
  default:
    throw new Error("say strip or restore");
}
