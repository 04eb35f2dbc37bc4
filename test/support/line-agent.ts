import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { eventually } from "./eventually.ts";

/** A turn that a test plays. */
export type PlayedTurn = {
  request: { session: Record<string, unknown>; request: Record<string, unknown> };
  say(...lines: { type: string; data: object }[]): void;
  end(): void;
  /** The agent was told to stop. */
  gone(): boolean;
};

/** An agent behind a URL whose turns a test plays as it likes. */
export type LineAgent = AsyncDisposable & {
  url: string;
  turns: PlayedTurn[];
  /** The n-th turn, when it has begun. */
  turn(n: number): Promise<PlayedTurn>;
};

export async function startLineAgent(): Promise<LineAgent> {
  const turns: PlayedTurn[] = [];
  const server = createServer((request, response) => void begin(request, response));
  async function begin(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await json(request)) as PlayedTurn["request"];
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    response.flushHeaders();
    let gone = false;
    response.on("close", () => (gone = !response.writableEnded));
    turns.push({
      request: body,
      say(...lines) {
        for (const line of lines) response.write(`${JSON.stringify(line)}\n`);
      },
      end: () => void response.end(),
      gone: () => gone,
    });
  }
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    turns,
    turn: (n) =>
      eventually(() => {
        const turn = turns[n - 1];
        if (turn === undefined) throw new Error("the turn has not begun yet");
        return turn;
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
