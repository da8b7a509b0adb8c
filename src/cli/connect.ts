/** Opens the client that a command works through, and closes it when the command is done. */
import { IrisClient } from "../cluster/iris-client.ts";
import { type ControllerFlags, controllerSettings, type Terminal } from "./settings.ts";

/** A person waits: a controller that is there answers within this. Unit: ms. */
const CONNECT_MS = 5_000;

/** Runs `action` with a client of the controller that flags, environment and configuration name. */
export async function withClient<R>(
  flags: ControllerFlags,
  terminal: Terminal,
  action: (client: IrisClient) => Promise<R>,
): Promise<R> {
  const { url, token } = controllerSettings(flags, terminal);
  await using client = IrisClient.remote(url, { token, workspace: terminal.cwd });
  await client.ready({ timeoutMs: CONNECT_MS, signal: terminal.interrupted });
  return await action(client);
}
