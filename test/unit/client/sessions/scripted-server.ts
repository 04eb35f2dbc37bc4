import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { ClientClock } from "../../../../src/client/index.ts";

/** A request as the server saw it. */
export type Seen = { method: string; url: string; headers: IncomingHttpHeaders; body: unknown };
export type Step = (response: ServerResponse) => void;

/** A server that plays one step per request, the last one for all further ones. */
export async function startServer(...steps: Step[]) {
  const seen: Seen[] = [];
  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const { method = "", url = "", headers } = request;
    seen.push({ method, url, headers, body: body === "" ? undefined : (JSON.parse(body) as unknown) });
    (steps[Math.min(seen.length, steps.length) - 1] ?? json(200, {}))(response);
  }
  const server = createServer((request, response) => void take(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Step {
  return (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };
}

/** The connection breaks without an answer. */
export const broken: Step = (response) => void response.socket?.resetAndDestroy();
export const silent: Step = () => {};

/** How a stream goes on after its last word. */
type End = "ends" | "breaks" | "stays";

/** A stream of server-sent events with this text. */
export function stream(body: string, end: End = "ends"): Step {
  return (response) => {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    if (end === "ends") return void response.end(body);
    response.write(body, () => {
      // once it has left, or a reset would take it along
      if (end === "breaks") setImmediate(() => response.socket?.resetAndDestroy());
    });
  };
}

/** One event as the server sends it. */
export function event(seq: number, type: string, more: Record<string, unknown> = {}): string {
  const whole = { seq, session_id: "s", type, source: "worker", data: {}, timestamp: "", ...more };
  return `id: ${seq}.log\ndata: ${JSON.stringify(whole)}\n\n`;
}

export function notice(type: string, data: Record<string, unknown> = {}): string {
  return `data: ${JSON.stringify({ type, ...data })}\n\n`;
}

/** Time that passes when it is waited for, but for limits from a minute on or those that are named, which are real. `waits` has the others. */
export function fastClock(real: readonly number[] = []): ClientClock & { waits: number[] } {
  let now = 0;
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    wall: () => now,
    after(ms, fn) {
      if (real.includes(ms)) {
        const timer = setTimeout(fn, ms);
        return () => clearTimeout(timer);
      }
      waits.push(ms);
      now += ms;
      const soon = setImmediate(fn);
      return () => clearImmediate(soon);
    },
  };
}
