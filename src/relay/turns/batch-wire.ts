import type { AttemptResult } from "../coordinator/verdict.ts";
import { readLongAnswer } from "../coordinator/answer-body.ts";
import type { Entry } from "../lanes/index.ts";

const END = "}]}";

/** `{"events":[{key, session_id, seq, body}]}` with the executors' bodies byte for byte. Pure. */
export function batchBody(entries: readonly Entry[]): Uint8Array {
  const parts: { head: string; body: Uint8Array }[] = [];
  let most = END.length;
  for (const { envelope } of entries) {
    if (envelope === undefined) continue;
    const { id, session, epoch, seq, body } = envelope;
    const start = parts.length === 0 ? '{"events":[' : "},";
    const head = `${start}{"key":${JSON.stringify(id)},"session_id":${JSON.stringify(session)},"seq":${JSON.stringify(`${epoch}-${seq}`)},"body":`;
    parts.push({ head, body });
    most += 3 * head.length + body.length; // UTF-8 takes at most three bytes for a code unit
  }
  // one buffer for all: three for each event, joined afterwards, took a tenth of the time
  const whole = Buffer.allocUnsafe(most);
  let at = 0;
  for (const { head, body } of parts) {
    at += whole.write(head, at);
    whole.set(body, at);
    at += body.length;
  }
  at += whole.write(END, at);
  return whole.subarray(0, at);
}

const JSON_HEADERS = { "content-type": "application/json" };
/** Body of the answer for an executor that waits for an event that a batch delivered. */
export const ACCEPTED = Buffer.from('{"ok":true}');

export type Response = AttemptResult & { kind: "response" };

/** Answers to `keys`, or undefined if this is no batch answer, or one that costs too much to be read. */
export async function resultsOf(
  body: Uint8Array,
  keys: ReadonlySet<string>,
): Promise<Map<string, Response> | undefined> {
  const value = await readLongAnswer(body);
  const results =
    typeof value === "object" && value !== null && "results" in value ? value.results : undefined;
  if (!Array.isArray(results)) return undefined;
  const byKey = new Map<string, Response>();
  for (const item of results as { key?: unknown; status?: unknown; detail?: unknown }[]) {
    if (typeof item?.key !== "string" || typeof item.status !== "number" || !keys.has(item.key)) continue;
    const { status } = item;
    const answer =
      status >= 200 && status < 300
        ? ACCEPTED
        : Buffer.from(JSON.stringify({ detail: item.detail ?? "refused" }));
    byKey.set(item.key, { kind: "response", status, headers: JSON_HEADERS, body: answer, broken: false });
  }
  return byKey;
}
