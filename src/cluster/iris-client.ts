/**
 * `IrisClient`: a client, and the two ways to get one. `remote` talks to a controller that runs; `local` runs a whole
 * cluster in this process first, and loads it only then.
 */
import { resolve } from "node:path";
import { userToken } from "../net/token.ts";
import { Client } from "./client/client.ts";
import type { LocalOptions } from "./local.ts";

export interface RemoteOptions {
  /** Directory that modules and relative paths of jobs refer to. Default: this process's; `null` for none. */
  workspace?: string | null;
  /** Default: `IRIS_TOKEN`, or this user's own of `~/.iris/token`. */
  token?: string | undefined;
  /** Namespace of endpoints outside any job. Default: the token's own. */
  namespace?: string | undefined;
}

export class IrisClient extends Client {
  /**
   * A client of the controller at `url`, such as `http://127.0.0.1:8080`. Connects in the background, and again for
   * ever until closed; calls wait for it within their time-outs. Throws `INVALID_ARGUMENT` for a bad URL.
   */
  static remote(url: string, options: RemoteOptions = {}): IrisClient {
    const { workspace = ".", token = userToken(), namespace } = options;
    const cwd = process.cwd();
    return new IrisClient({
      url,
      token,
      workspace: workspace === null ? null : resolve(cwd, workspace),
      namespace,
      cwd,
    });
  }

  /**
   * Starts a controller and workers in this process, and gives a client of them; tasks are processes of this machine.
   * Leaving the client ends all of it and leaves nothing. Rejects with `INVALID_ARGUMENT` for bad options.
   */
  static async local(options: LocalOptions = {}): Promise<IrisClient> {
    const { startLocal } = await import("./local.ts");
    const cluster = await startLocal(options);
    const cwd = process.cwd();
    return new IrisClient({
      url: cluster.url,
      token: cluster.token,
      workspace: cwd,
      cwd,
      onClose: () => cluster.stop(),
    });
  }
}
