/**
 * Plain HTTP on the controller's port. The two health pages want no token, since those who ask are load balancers;
 * everything else does. Tokens are taken from the header alone: an address ends up in logs.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { constantTimeEqual } from "../../net/token.ts";
import type { ControllerState } from "./machines/controller.machine.ts";

export interface HttpOptions {
  readonly token: string;
  phase(): ControllerState;
}

/** Answers one request; never throws. */
export function answerHttp(request: IncomingMessage, response: ServerResponse, { token, phase }: HttpOptions): void {
  const path = (request.url ?? "/").split("?", 1)[0];
  const isHealth = path === "/healthz" || path === "/readyz";
  if (isHealth && request.method !== "GET" && request.method !== "HEAD") {
    answer(request, response, 405, { error: "only GET and HEAD are answered here" }, { allow: "GET, HEAD" });
  } else if (path === "/healthz") {
    answer(request, response, 200, { status: "ok" });
  } else if (path === "/readyz") {
    answer(request, response, phase() === "serving" ? 200 : 503, { status: phase() });
  } else if (!constantTimeEqual(bearerOf(request), token)) {
    const error = "a token is wanted: send Authorization: Bearer <token>";
    answer(request, response, 401, { error }, { "www-authenticate": 'Bearer realm="iris"' });
  } else {
    answer(request, response, 404, { error: `nothing is at ${path}; sessions are at /rpc` });
  }
}

function bearerOf(request: IncomingMessage): string {
  return /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": bytes.byteLength,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...headers,
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
}
