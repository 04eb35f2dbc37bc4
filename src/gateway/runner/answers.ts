import { once } from "node:events";
import type { ServerResponse } from "node:http";

/** Marks an answer that the gateway gave in place of the coordinator. */
const ANSWERED_BY: { "rr-answered-by": string } = { "rr-answered-by": "gateway" };

/** An answer that the gateway gives in place of the coordinator. */
export type OwnAnswer = { status: 204 } | { status: 200; body: Uint8Array | string };

export const NOTHING_TO_DO: OwnAnswer = { status: 204 };
export const ALIVE: OwnAnswer = { status: 200, body: '{"ok":true}' };

/** The coordinator's answer to a registration. A runner writes its numbers into its log and uses them for nothing else. Pure. */
export function registeredAs(runner: string): string {
  return JSON.stringify({
    runner_id: runner,
    poll_endpoint: "/runner/runs",
    poll_timeout_seconds: 30,
    heartbeat_interval_seconds: 60,
  });
}

/** Sends our own answer. False if the client is gone, or another answer has begun. */
export function answerOurselves(response: ServerResponse, answer: OwnAnswer): boolean {
  if (response.headersSent || response.destroyed) return false;
  if (answer.status === 204) {
    response.writeHead(204, ANSWERED_BY);
    response.end();
    return true;
  }
  const body = Buffer.from(answer.body);
  response.writeHead(200, {
    ...ANSWERED_BY,
    "content-type": "application/json",
    "content-length": String(body.length),
  });
  response.end(body);
  return true;
}

/** Has the client closed its side of the connection, or the whole of it? It may be gone, so no run is given to it. */
export function seemsGone(response: ServerResponse): boolean {
  return response.destroyed || response.socket?.readableEnded === true;
}

/** Resolves to true when the whole answer went out, to false when its connection ended before. */
export async function wentOut(response: ServerResponse): Promise<boolean> {
  if (!response.writableFinished && !response.closed)
    await Promise.race([once(response, "finish"), once(response, "close")]);
  return response.writableFinished;
}
