/** The value codec of the build that is measured. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type * as Value from "../../src/net/value/index.ts";

const build = process.env["IRIS_BENCH_BUILD"] ?? join(import.meta.dirname, "../../dist");

export const value = (await import(pathToFileURL(join(build, "net/value/index.js")).href)) as typeof Value;
