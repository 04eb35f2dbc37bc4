import { UPSTREAM_HEADER } from "../shared/base/headers.ts";
import type { Call, Reply } from "./call.ts";
import type { Strike } from "./faults.ts";
import type { Arrival } from "./ledger.ts";
import { textOf, type JsonObject } from "./validation.ts";

type Context = {
  strike: Strike | undefined;
  at: number;
  /** Keep the body and the headers as well. */
  whole: boolean;
  /** Session of a run, for reports on runs. */
  runSession: (runId: string) => string | undefined;
};

/** The marker is found in the text, because most bodies are not parsed for the ledger. */
const MARKER = /"marker"\s*:\s*"([^"\\]{1,200})"/;

/** What the ledger keeps of a request and its fate. */
export function arrivalOf(call: Call, reply: Reply, context: Context): Arrival {
  const { strike } = context;
  const arrival: Arrival = {
    at: context.at,
    method: call.method,
    path: call.path,
    status: leavesNoAnswer(strike) ? 0 : reply.status,
    applied: reply.applied,
  };
  const session = sessionOfPath(call.path, context.runSession);
  if (session !== undefined) arrival.session = session;
  const key = header(call, UPSTREAM_HEADER.key);
  if (key !== undefined) arrival.key = key;
  const sessionSeq = header(call, UPSTREAM_HEADER.sessionSeq);
  if (sessionSeq !== undefined) arrival.sessionSeq = sessionSeq;
  const streamSeq = header(call, UPSTREAM_HEADER.streamSeq);
  if (streamSeq !== undefined) arrival.streamSeq = streamSeq;
  const marker = MARKER.exec(call.text)?.[1];
  if (marker !== undefined) arrival.marker = marker;
  if (strike !== undefined) arrival.fault = strike.action.kind;
  if (context.whole) {
    arrival.body = call.text;
    arrival.headers = plain(call);
  }
  return arrival;
}

/** One item of a batch, as if it had come alone. */
export function itemArrivalOf(call: Call, item: JsonObject, reply: Reply, at: number): Arrival {
  const arrival: Arrival = {
    at,
    method: call.method,
    path: call.path,
    session: textOf(item, "session_id") ?? call.params[0] ?? "",
    status: reply.status,
    applied: reply.applied,
  };
  const key = textOf(item, "key");
  if (key !== undefined) arrival.key = key;
  const seq = item["seq"];
  if (typeof seq === "string" || typeof seq === "number") arrival.sessionSeq = String(seq);
  const marker = MARKER.exec(JSON.stringify(item["body"]))?.[1];
  if (marker !== undefined) arrival.marker = marker;
  return arrival;
}

function leavesNoAnswer(strike: Strike | undefined): boolean {
  const kind = strike?.action.kind;
  return (
    kind === "hang" ||
    kind === "garbage" ||
    (strike?.action.kind === "reset" && strike.action.at === "before_head")
  );
}

/** The session that a path is about; a report on a run is about the run's. */
export function sessionOfPath(
  path: string,
  runSession: (runId: string) => string | undefined,
): string | undefined {
  const [, first, second, third] = path.split("/");
  if (first === "sessions" && second) return decoded(second);
  if (first === "runner" && second === "sessions" && third) return decoded(third);
  if (first === "runner" && second === "runs" && third) return runSession(third);
  return undefined;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function header(call: Call, name: string): string | undefined {
  const value = call.headers[name];
  return typeof value === "string" ? value : undefined;
}

function plain(call: Call): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(call.headers))
    if (value !== undefined) out[name] = String(value);
  return out;
}
