import type { JetStreamManager } from "@nats-io/jetstream";
import { parseJsonWithin, RECORD_JSON } from "../../base/json-scan.ts";
import { sessionIdProblem } from "../schema/session-id.ts";
import { decodeStates } from "./state-store.ts";
import { stateKey } from "../schema/topology.ts";

/**
 * Why a runner leaves (ADR 0023). `asked`: it asked to be removed, and the coordinator was not asked yet. `returned`: it is gone, and was registered again so
 * that a report of it can be delivered. `missing`: it is gone, and cannot be registered again.
 */
export type DepartureReason = "asked" | "returned" | "missing";

/** A runner that leaves, in KV under `stateKey.leaving(token)`. */
export type Departure = {
  v: 1;
  runner: string;
  why: DepartureReason;
  /** Wall clock, milliseconds since 1970. */
  since: number;
  /** The session whose report waits, or waited first. */
  session?: string;
  /** For people: what prevents the delivery of its report. */
  text?: string;
};

const REASONS: ReadonlySet<unknown> = new Set<DepartureReason>(["asked", "returned", "missing"]);
/** Longest text that is kept, characters. */
const MAX_TEXT = 500;

/** Pure. */
export function encodeDeparture(record: Departure): Uint8Array {
  const { text } = record;
  const kept = text !== undefined && text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text;
  return new TextEncoder().encode(
    JSON.stringify({ ...record, ...(kept === undefined ? {} : { text: kept }) }),
  );
}

/** Reads a record. Undefined for a value that is none, and for one of a newer version. Pure. */
export function decodeDeparture(bytes: Uint8Array): Departure | undefined {
  const value = parseJsonWithin(bytes, RECORD_JSON);
  if (typeof value !== "object" || value === null) return undefined;
  const it = value as Partial<Departure>;
  const whole =
    it.v === 1 &&
    typeof it.runner === "string" &&
    sessionIdProblem(it.runner) === undefined &&
    REASONS.has(it.why) &&
    Number.isFinite(it.since) &&
    (it.session === undefined || typeof it.session === "string") &&
    (it.text === undefined || typeof it.text === "string");
  return whole ? (it as Departure) : undefined;
}

/** Every runner that leaves; the one that has waited longest comes first. */
export async function readDepartures(jsm: JetStreamManager): Promise<Departure[]> {
  const found = await decodeStates(jsm, stateKey.leaving("*"), ({ value }) => decodeDeparture(value));
  return [...found.values()].filter((it) => it !== undefined).sort((a, b) => a.since - b.since);
}

/** Why a runner leaves and what will become of it, for people. Pure. */
export function departureText({ why, session, text }: Departure): { text: string; todo: string } {
  const whose = session === undefined ? "" : ` of session ${session}`;
  switch (why) {
    case "asked":
      return {
        text: "asked to be removed; the coordinator does not know this yet",
        todo: "nothing; once the coordinator is back, the relay removes the runner after its last report",
      };
    case "returned":
      return {
        text: `is gone, and was registered again for a report${whose}`,
        todo: "nothing; it is removed after a minute of silence",
      };
    case "missing":
      return {
        text: `is gone, and a report${whose} waits${text === undefined ? "" : `: ${text}`}`,
        todo: "restart the runner if the report matters; otherwise it becomes a dead letter within half a minute, and the session continues",
      };
  }
}
