/**
 * Where on a controller's one port its sessions are. People write and read `http://host:port`; sessions are dialled at
 * `ws://host:port/rpc`. Pure.
 */
import { IrisError } from "../runtime/errors.ts";

/** Path of the WebSocket on a controller's port. */
export const CONTROLLER_RPC_PATH = "/rpc";

/**
 * The address to dial for a controller's URL: `http://h:8080` gives `ws://h:8080/rpc`, `https:` gives `wss:`.
 * Throws `INVALID_ARGUMENT` for anything that is not the plain URL of a controller.
 */
export function controllerRpcAddress(url: string): string {
  const parsed = typeof url === "string" ? URL.parse(url) : null;
  if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:") || parsed.hostname === "") {
    throw notAUrl(url, `write it as "http://host:8080"`);
  }
  if (parsed.username !== "" || parsed.password !== "") {
    throw notAUrl(parsed.origin, "it holds a user name or password: pass the token by itself");
  }
  if (parsed.pathname !== "/" || parsed.search !== "" || parsed.hash !== "") {
    throw notAUrl(url, `only scheme, host and port belong there: "${parsed.origin}"`);
  }
  const scheme = parsed.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${parsed.host}${CONTROLLER_RPC_PATH}`;
}

function notAUrl(url: unknown, wayOut: string): IrisError {
  return new IrisError("INVALID_ARGUMENT", `${JSON.stringify(url)} is no controller's URL: ${wayOut}`);
}
