import type { JetStreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/nats-core";
import { codedError } from "../../shared/base/errors.ts";
import { parseJsonWithin } from "../../shared/base/json-scan.ts";
import { decodeStates, readState } from "../../shared/log/state/state-store.ts";
import { MAX_PAYLOAD, RETENTION_MS, STATE_BUCKET, stateKey } from "../../shared/log/schema/topology.ts";
import type { Selection } from "./selection.ts";

/** Numbers of events of the selection that are not sent, by reason. */
export type LeftOut = {
  /** Binds of sessions that have finished since, which they would open again. */
  binds: number;
  /** Run reports, unless the selection names them. */
  runReports: number;
  /** Dead letters, which would die again; use `dead redrive` for them. */
  dead: number;
  /** Events that are pending, and will be sent anyway. */
  waiting: number;
  /** Events whose envelope cannot be read. */
  unreadable: number;
};

/** The progress of a replay: JSON in the state bucket under `replay.<run>`, for `--resume` and for people. */
export type ReplayRecord = {
  v: 1;
  run: string;
  state: "running" | "interrupted" | "done";
  /** Creation time of the log that the sequences belong to. */
  stream: string;
  selection: Selection;
  /** The range of sequences to read, both inclusive. The last is at most the end of the log when the run began. */
  from: number;
  to: number;
  /** The last event that was read: the index of its filter, and its sequence. */
  position: { filter: number; seq: number };
  /** The log's sequence of the last requeued event; 0 if there is none yet. */
  put: number;
  sent: number;
  leftOut: LeftOut;
  /** Wall clock, milliseconds since 1970. */
  startedAt: number;
  updatedAt: number;
};

/** The newest unfinished runs. */
const MOST_NAMED = 5;
const KEPT_SECONDS: number = RETENTION_MS / 1000;

/** Stores the record. It is kept as long as the events that it refers to. */
export async function writeReplay(nc: NatsConnection, record: ReplayRecord): Promise<void> {
  const head = headers();
  head.set("Nats-TTL", `${KEPT_SECONDS}s`);
  const subject = `$KV.${STATE_BUCKET}.${stateKey.replay(record.run)}`;
  const reply = await nc.request(subject, JSON.stringify(record), { headers: head, timeout: 5000 });
  const { error } = reply.json<{ error?: { description?: string } }>();
  if (error !== undefined)
    throw codedError(
      "log_refused",
      `the replay's state could not be saved: ${error.description ?? "refused"}`,
    );
}

/** Throws `nothing_found` for an unknown run (with the names of unfinished ones), `schema_newer`, and `usage` for an invalid name. */
export async function readReplay(jsm: JetStreamManager, run: string): Promise<ReplayRecord> {
  if (!/^[\w-]+$/.test(run)) throw codedError("usage", `${run} is not a valid run name`);
  const stored = await readState(jsm, stateKey.replay(run));
  if (stored !== undefined) return decodeReplay(stored.value);
  const open = await unfinished(jsm);
  const named = open.length === 0 ? "" : `; not done yet: ${open.join(", ")}`;
  throw codedError("nothing_found", `no replay ${run} is known${named}`);
}

/** The unfinished runs, for users who do not know the name: a run that was killed could not print it. */
async function unfinished(jsm: JetStreamManager): Promise<string[]> {
  const runs = await decodeStates(jsm, stateKey.replay("*"), ({ value }) => decodeReplay(value));
  return [...runs.values()]
    .filter(({ state }) => state !== "done")
    .sort((a, b) => b.updatedAt - a.updatedAt)
    .slice(0, MOST_NAMED)
    .map(({ run, sent, updatedAt }) => `${run} (${sent} sent, ${new Date(updatedAt).toISOString()})`);
}

/** A selection may name every session of a log, so the list can be long. */
const REPLAY = { bytes: MAX_PAYLOAD, depth: 8, values: 1_000_000 };

/** Throws `schema_newer`, and `envelope_invalid` for anything that is not such a record. Pure. */
export function decodeReplay(bytes: Uint8Array): ReplayRecord {
  const value = parseJsonWithin(bytes, REPLAY);
  if (typeof value !== "object" || value === null || !("v" in value) || typeof value.v !== "number")
    throw codedError("envelope_invalid", "the stored value is not a replay's state");
  if (value.v > 1) throw codedError("schema_newer", `a replay's state of version ${value.v} is newer than 1`);
  const it = value as ReplayRecord;
  const whole =
    typeof it.run === "string" &&
    typeof it.stream === "string" &&
    Array.isArray(it.selection?.sessions) &&
    Array.isArray(it.selection.kinds) &&
    [it.from, it.to, it.position?.filter, it.position?.seq, it.put, it.sent].every(Number.isSafeInteger);
  if (!whole) throw codedError("envelope_invalid", "the replay's state lacks fields");
  return it;
}
