import { createHash } from "node:crypto";
import type { JsonLimits } from "../base/json-scan.ts";

/** An operator's command asks on `rr.rpc.holdings`, and any relay answers, because only relays have credentials. Question and answer are JSON. */
export type HoldingsQuestion = { v: 1; session: string };

/** Limits for an answer: digests of 50,000 events, 15 bytes each, and room for the other fields. */
export const HOLDINGS_ANSWER: JsonLimits & { bytes: number } = {
  bytes: 4 * 1024 * 1024,
  depth: 4,
  values: 100_000,
};

/** The fields of a session that executors write with binds and metadata. */
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
      /** {@link digestOf} each event that the coordinator returned. */
      events: string[];
      /** The latest timestamp among them. */
      last?: string;
      /** True if the coordinator may hold more: it returns the first hundred by timestamp, and it returned a hundred. */
      cut: boolean;
    }
  | { kind: "unknown_session" }
  /** The coordinator cannot be asked now, or its answer cannot be used. */
  | { kind: "unavailable"; reason: string };

/** The fields of an event that the coordinator returns. It drops all other fields. */
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

/** 72 bits: among a hundred thousand events, two different ones have the same digest once in 10^12 cases. */
const DIGEST_BYTES = 9;

/**
 * A digest of an event's content, which is the same for the log's and the coordinator's copy: the order of fields does not matter, null counts as missing,
 * and numbers are compared by value. The session is left out, because each session is compared by itself. Numbers beyond 2^53 are compared with JavaScript's
 * precision.
 */
export function digestOf(event: Readonly<Record<string, unknown>>): string {
  const hash = createHash("sha256");
  for (const name of EVENT_FIELDS) {
    const value = event[name] ?? null;
    hash.update(`${canonical(name === "exit_code" ? numberOf(value) : value)}\n`);
  }
  return hash.digest().subarray(0, DIGEST_BYTES).toString("base64url");
}

/** The coordinator accepts a number written as text, or a boolean, as the number. */
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
