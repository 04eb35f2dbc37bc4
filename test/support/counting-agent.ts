import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";

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
  const server = createServer((request, response) => {
    void json(request).then((body) =>
      count((body as { request: { user_input: unknown } }).request.user_input, response),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    /** What it was asked, turn by turn. */
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
