import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { serveHttp } from "./http-server.ts";

/** A request as the server saw it, its body as JSON. */
export type Seen = { method: string; url: string; headers: IncomingHttpHeaders; body: unknown };
export type Step = (response: ServerResponse) => void;

/** A server that plays one step per request, the last one for all further ones. */
export async function startServer(
  ...steps: Step[]
): Promise<AsyncDisposable & { url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = await serveHttp((response, { method, target, headers, body }) => {
    seen.push({
      method,
      url: target,
      headers,
      body: body === "" ? undefined : (JSON.parse(body) as unknown),
    });
    (steps[Math.min(seen.length, steps.length) - 1] ?? json(200, {}))(response);
  });
  return { url: server.url, seen, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** Answers in JSON; a string is sent as it is. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Step {
  return (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };
}

/** The connection breaks without an answer. */
export const broken: Step = (response) => void response.socket?.resetAndDestroy();
/** Nothing comes. */
export const silent: Step = () => {};
