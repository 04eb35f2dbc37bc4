import { createHash } from "node:crypto";
import type { JsonLimits } from "../base/json-scan.ts";

/** Asked by an operator's command on `rr.rpc.holdings`, answered by any relay: only relays hold credentials. Both sides are JSON. */
export type HoldingsQuestion = { v: 1; session: string };

/** Of an answer: digests of 50,000 events, 15 bytes each, and room for all that stands around them. */
export const HOLDINGS_ANSWER: JsonLimits & { bytes: number } = {
  bytes: 4 * 1024 * 1024,
  depth: 4,
  values: 100_000,
};

/** Fields of a session that executors write by binds and metadata. */
export const STATE_FIELDS = [
  "executor_session_id",
  "hostname",
  "executor_profile",
  "project_dir",
  "agent_name",
  "last_resumed_at",
] as const;
export type StateField = (typeof STATE_FIELDS)[number];

/** What the coordinator holds of a session. */
export type Holdings =
  | {
      kind: "held";
      status: string;
      fields: Partial<Record<StateField, string>>;
      /** {@link digestOf} each event that it gives. */
      events: string[];
      /** Latest timestamp among them. */
      last?: string;
      /** It may hold more: it gives the first hundred by their own timestamps, and gave a hundred. */
      cut: boolean;
    }
  | { kind: "unknown_session" }
  /** It cannot be asked now, or its answer cannot be used. */
  | { kind: "unavailable"; reason: string };

/** What the coordinator gives back of an event; whatever else an executor sends is dropped there. */
const EVENT_FIELDS = [
  "event_type",
  "timestamp",
  "tool_name",
  "tool_input",
  "tool_output",
  "error",
  "exit_code",
  "reason",
  "role",
  "content",
  "result_text",
  "result_data",
] as const;

/** 72 bits: among a hundred thousand events two different ones look alike once in 10^12 tries. */
const DIGEST_BYTES = 9;

/**
 * A short name for what an event says, the same for the log's and the coordinator's copy: fields in any order, null like missing, numbers by value. The session is
 * left out, for each is compared by itself. Numbers beyond 2^53 are compared as far as JavaScript reads them.
 */
export function digestOf(event: Readonly<Record<string, unknown>>): string {
  const hash = createHash("sha256");
  for (const name of EVENT_FIELDS) {
    const value = event[name] ?? null;
    hash.update(`${canonical(name === "exit_code" ? numberOf(value) : value)}\n`);
  }
  return hash.digest().subarray(0, DIGEST_BYTES).toString("base64url");
}

/** The coordinator takes a number written as text, or a truth value, for the number. */
function numberOf(value: unknown): unknown {
  const isNumber = typeof value === "boolean" || (typeof value === "string" && value.trim() !== "");
  return isNumber && Number.isFinite(Number(value)) ? Number(value) : value;
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const parts = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`);
  return `{${parts.join(",")}}`;
}
