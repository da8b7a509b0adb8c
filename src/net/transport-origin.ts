/**
 * Whether a page that a browser shows may open links here. Browsers let any page dial any address, so the server has to
 * ask where the page came from; programs send no `Origin` and are judged by their token alone. Pure. The one invariant:
 * a page of a name that its attacker can point anywhere (DNS rebinding) is let in only if the owner has named it.
 */
import { isIP } from "node:net";

/**
 * Whether a link with these headers may be opened. `origins` are those that the owner allows besides this server's own,
 * each as a browser writes it (`https://app.example:8443`), or `*` for all. Own is an origin whose host and port are what
 * was dialled, if that is an address or `localhost`: another name may be anybody's who points it here.
 */
export function isOriginAllowed(
  origin: string | undefined,
  host: string | undefined,
  origins: readonly string[] = [],
): boolean {
  if (origin === undefined) return true;
  if (origins.includes("*")) return true;
  const url = URL.parse(origin);
  if (url === null || url.origin === "null") return false; // a sandboxed frame, or a file
  if (origins.some((allowed) => URL.parse(allowed)?.origin === url.origin)) return true;
  return host !== undefined && isUnforgeable(url.hostname) && url.host === hostOf(host, url.protocol);
}

function isUnforgeable(hostname: string): boolean {
  return hostname === "localhost" || isIP(hostname.replace(/^\[|\]$/g, "")) !== 0;
}

/** As a URL writes it: without the port that the scheme implies. */
function hostOf(host: string, protocol: string): string | undefined {
  return URL.parse(`${protocol}//${host}`)?.host;
}
