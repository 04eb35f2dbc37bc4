import { expect } from "vitest";
import type { LeafHost } from "../../faults/leaf/home.ts";

/** What the answer to a stored event says, and what the coordinator knows it by. */
export type Stored = { event_id: string; stream_seq: number; receipt: string; marker: string };

const numbers = new Map<string, number>();

/** Sends the session's next event, which must be stored. Its marker is the session and the number, from 1 on. */
export async function send(host: LeafHost, session: string): Promise<Stored> {
  const n = (numbers.get(session) ?? 0) + 1;
  numbers.set(session, n);
  const marker = `${session}:${n}`;
  const answer = await fetch(`${host.gatewayService.url()}/events`, {
    method: "POST",
    headers: { "content-type": "application/json", prefer: "respond-async" },
    body: JSON.stringify({
      session_id: session,
      event_type: "message",
      timestamp: "2026-01-01T00:00:00Z",
      marker,
    }),
  });
  expect(answer.status).toBe(202);
  const stored = (await answer.json()) as Pick<Stored, "event_id" | "stream_seq">;
  return { ...stored, receipt: answer.headers.get("location") ?? "", marker };
}

/** The markers of all events of a session that were sent, in order. */
export function markersOf(session: string): string[] {
  return Array.from({ length: numbers.get(session) ?? 0 }, (_, i) => `${session}:${i + 1}`);
}

/** The state that the event's receipt at the gateway says. */
export async function stateOf(host: LeafHost, { receipt }: Pick<Stored, "receipt">): Promise<string> {
  const answer = await fetch(host.gatewayService.url() + receipt);
  const text = await answer.text();
  return /"state":"(\w+)"/.exec(text)?.[1] ?? `${answer.status} ${text}`;
}
