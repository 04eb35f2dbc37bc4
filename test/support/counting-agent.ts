import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { serveHttp } from "./http-server.ts";

/** An agent for `RUNNER_RELAY_AGENT=http` that counts: each turn is `events` results of a tool, numbered from 0, with a pause after each. */
export async function startCountingAgent({ events, everyMs }: { events: number; everyMs: number }) {
  const asked: string[] = [];
  async function count(prompt: unknown, response: ServerResponse): Promise<void> {
    asked.push(String(prompt));
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    for (let i = 0; i < events && !response.destroyed; i++) {
      response.write(
        `${JSON.stringify({ type: "tool_result", data: { i, text: `${String(prompt)} é ${i}` } })}\n`,
      );
      await delay(everyMs);
    }
    response.end();
  }
  const server = await serveHttp((response, { body }) =>
    count((JSON.parse(body) as { request: { user_input: unknown } }).request.user_input, response),
  );
  return {
    url: `${server.url}/`,
    /** What it was asked, turn by turn. */
    asked,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
