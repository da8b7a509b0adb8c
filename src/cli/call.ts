/** `iris call`: calls a method of an actor that is registered with the controller, or served at an address. */
import type { Command } from "commander";
import { FixedResolver, type Resolver } from "../net/resolver.ts";
import { IrisError } from "../runtime/errors.ts";
import { type CommandContext, withControllerFlags } from "./command.ts";
import { withClient } from "./connect.ts";
import { EXIT } from "./exit-status.ts";
import { duration } from "./flags.ts";
import { type ControllerFlags, controllerSettings, type Terminal } from "./settings.ts";

interface CallFlags extends ControllerFlags {
  address?: string;
  namespace?: string;
  stream?: boolean;
  timeout: number;
}

const CALL_TIMEOUT_MS = 30_000;

/** What is called may answer once or with a stream; which, its user says. */
type AnyMethod = (...args: unknown[]) => Promise<unknown> & AsyncIterable<unknown>;

export function addCallCommand(program: Command, { terminal, run }: CommandContext): void {
  withControllerFlags(program.command("call"))
    .description("call a method of an actor and print what it returns as JSON")
    .argument("<actor>", "the name that it is registered under")
    .argument("<method>", "its method")
    .argument("[json...]", "the arguments, each as JSON; what is no JSON is taken as text")
    .option("--namespace <name>", "a root job's id, or default")
    .option("--address <url>", "where it is served, such as ws://127.0.0.1:41234: then no controller is asked")
    .option("--stream", "the method is a generator: print each item on a line of its own as it comes")
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
  const callThrough = async (resolver: Resolver): Promise<number> => {
    const options = { timeoutMs: flags.timeout, signal: terminal.interrupted };
    const pool = resolver.lookup<Record<string, AnyMethod>>(actor);
    await pool.waitForSize(1, options);
    const invoke = pool.call(options)[method];
    if (invoke === undefined) throw new IrisError("INVALID_ARGUMENT", `${JSON.stringify(method)} is no method's name`);
    const outcome = invoke(...args);
    if (flags.stream) for await (const item of outcome) terminal.out(`${jsonText(item)}\n`);
    else terminal.out(`${jsonText(await outcome)}\n`);
    return EXIT.ok;
  };
  if (flags.address !== undefined) {
    const { token } = controllerSettings(flags, terminal);
    await using resolver = new FixedResolver({ [actor]: flags.address }, { token });
    return await callThrough(resolver);
  }
  return await withClient(flags, terminal, async (client) => {
    await using resolver = client.resolver(flags.namespace === undefined ? {} : { namespace: flags.namespace });
    return await callThrough(resolver);
  });
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
