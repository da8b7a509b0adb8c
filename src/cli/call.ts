/** `iris call`: calls a method of an actor that is registered with the controller, or served at an address. */
import type { Command } from "commander";
import { ClusterResolver } from "../cluster/client/resolver.ts";
import { FixedResolver } from "../net/resolver.ts";
import { IrisError } from "../runtime/errors.ts";
import { EXIT } from "./exit-status.ts";
import { duration } from "./flags.ts";
import { type CommandContext, withControllerFlags } from "./program.ts";
import { type ControllerFlags, controllerSettings, type Terminal } from "./settings.ts";

interface CallFlags extends ControllerFlags {
  address?: string;
  namespace?: string;
  timeout: number;
}

const CALL_TIMEOUT_MS = 30_000;

export function addCallCommand(program: Command, { terminal, run }: CommandContext): void {
  withControllerFlags(program.command("call"))
    .description("call a method of an actor; a stream prints one item a line")
    .argument("<actor>", "the name that it is registered under")
    .argument("<method>", "its method")
    .argument("[json...]", "the arguments, each as JSON; what is no JSON is taken as text")
    .option("--namespace <name>", "a root job's id, or default")
    .option("--address <url>", "where it is served, such as ws://127.0.0.1:41234: then no controller is asked")
    .option("--timeout <time>", "how long to wait, such as 5s", duration, CALL_TIMEOUT_MS)
    .addHelpText("after", '\nExample:\n  iris call calculator add 2 3\n  iris call greeter greet \'{"name": "Ada"}\'\n')
    .action((actor: string, method: string, args: string[], flags: CallFlags) =>
      run(() => callActor(actor, method, args.map(argumentOf), flags, terminal)),
    );
}

async function callActor(
  actor: string,
  method: string,
  args: unknown[],
  flags: CallFlags,
  terminal: Terminal,
): Promise<number> {
  const { url, token } = controllerSettings(flags, terminal);
  await using resolver =
    flags.address === undefined
      ? new ClusterResolver(url, { token, ...(flags.namespace !== undefined && { namespace: flags.namespace }) })
      : new FixedResolver({ [actor]: flags.address }, { token });
  const pool = resolver.lookup<Record<string, (...args: unknown[]) => Promise<unknown>>>(actor);
  await pool.waitForSize(1, { timeoutMs: flags.timeout, signal: terminal.interrupted });
  const methods = pool.call({ timeoutMs: flags.timeout, signal: terminal.interrupted });
  const method_ = methods[method];
  if (method_ === undefined) throw new IrisError("INVALID_ARGUMENT", `${JSON.stringify(method)} is no method's name`);
  const outcome = method_(...args) as Promise<unknown> & Partial<AsyncIterable<unknown>>;
  terminal.out(`${jsonText(await outcome)}\n`);
  return EXIT.ok;
}

function argumentOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A value as JSON; what JSON has no form for is shown as text, so that nothing is silently dropped. */
function jsonText(value: unknown): string {
  const text = JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === "bigint") return part.toString();
    if (part instanceof Map) return [...part];
    if (part instanceof Set) return [...part];
    return part;
  });
  return text ?? "null";
}
