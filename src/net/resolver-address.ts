/** Addresses of actor servers, as people write them and as they are dialled. Pure. */
import { IrisError } from "../runtime/errors.ts";

/**
 * `ws://host:port[/path]`, `wss://…` or `host:port` as the address that is dialled. Throws `INVALID_ARGUMENT` naming the
 * address and what is wrong with it. A port is always asked for: nobody serves actors at 80 by accident.
 */
export function parseAddress(address: string): string {
  if (typeof address !== "string") throw wrong(String(address), "it is not a string");
  const text = address.trim();
  const withScheme = text.includes("://") ? text : `ws://${text}`;
  const url = URL.parse(withScheme);
  if (url === null) throw wrong(address, "it does not parse");
  if (url.protocol !== "ws:" && url.protocol !== "wss:") throw wrong(address, `${url.protocol}// is not spoken here`);
  if (url.hostname === "") throw wrong(address, "it has no host");
  if (url.username !== "" || url.password !== "")
    throw wrong(address, "a token goes into options, not into an address");
  if (url.search !== "" || url.hash !== "") throw wrong(address, "it must end after the path");
  // URL drops a scheme's own port (80, 443), so the text says whether there was one.
  if (!/:\d+(\/|$)/.test(withScheme.slice(withScheme.indexOf("://") + 3))) throw wrong(address, "it has no port");
  const port = url.port === "" ? (url.protocol === "wss:" ? "443" : "80") : url.port;
  return `${url.protocol}//${url.hostname}:${port}${url.pathname === "/" ? "" : url.pathname}`;
}

/** `host:port`, with brackets around an IPv6 host. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]:${port}` : `${host}:${port}`;
}

function wrong(address: string, why: string): IrisError {
  return new IrisError(
    "INVALID_ARGUMENT",
    `"${address}" is no address of an actor server: ${why}; write ws://host:port, wss://host:port or host:port`,
  );
}
