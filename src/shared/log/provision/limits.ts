import { JetStreamApiError } from "@nats-io/jetstream";
import { DEFAULT_SHARDS } from "../schema/partition.ts";
import { codedError, type CodedError } from "../../base/errors.ts";
import { showAge } from "../../base/show.ts";
import {
  DEAD_STREAM,
  EVENTS_STREAM,
  LEAST_ACK_PENDING,
  LEAST_DUPLICATE_WINDOW_MS,
  MAX_ACK_PENDING,
  STATE_STREAM,
} from "../schema/topology.ts";

// What the limits of a shared broker mean for us: where less will do, and which setting helps where it will not.

type Refusal = Pick<JetStreamApiError, "code" | "status" | "message">;

const FULL = 10047;
/** The broker's codes for a log that is too large for its limits. */
const NO_ROOM: readonly number[] = [FULL, 10023, 10002, 10122];
/** Servers that replicate have one code for every reason why there is no place. */
const NO_PLACE = 10005;

/** True if a log is too large for the broker's limits; a smaller one may fit. Pure. */
export function hasNoRoom(error: unknown): error is JetStreamApiError {
  if (!(error instanceof JetStreamApiError)) return false;
  return NO_ROOM.includes(error.code) || lacksStorage(error);
}

function lacksStorage({ code, message }: Refusal): boolean {
  return code === NO_PLACE && message.includes("insufficient storage");
}

const ROOM =
  "the account's max_file and the server's max_file_store must hold 288 MiB for dead letters and states, the log (--log-bytes) and the log of sessions (--sessions-bytes)";
const COPIES =
  "choose RUNNER_RELAY_REPLICAS (--replicas) by the number of servers with JetStream; if their cluster is still forming, run this again in a moment";
/** What to change, by the broker's error code. */
const HELP: Readonly<Record<number, string>> = {
  10002: ROOM,
  10023: ROOM,
  [FULL]: ROOM,
  10122: "the account's disk_max_stream_bytes must be larger, or the log smaller (--log-bytes)",
  10026: `the account's max_consumers must be ${2 * DEFAULT_SHARDS} or more: one for each shard of ${EVENTS_STREAM} (${DEFAULT_SHARDS}, or --shards) is the relays', commands that read the log need some for a while`,
  10027: `the account's max_streams must leave room for 3: ${EVENTS_STREAM}, ${DEAD_STREAM} and ${STATE_STREAM}`,
  10121: `max_ack_pending (of the account, or in the broker's jetstream limits) must be ${MAX_ACK_PENDING}, or ${LEAST_ACK_PENDING} at the least`,
  10005: COPIES,
  10074: COPIES,
};

/** Our error for what the broker refused while the log was made: `broker_limited` for its limits, with the setting that helps. Pure. */
export function refusalOf(error: JetStreamApiError): CodedError {
  const text = `${error.message} (${error.code})`;
  const help =
    windowLimitMs(error) === undefined
      ? HELP[lacksStorage(error) ? FULL : error.code]
      : `duplicate_window in the broker's jetstream limits must be ${showAge(LEAST_DUPLICATE_WINDOW_MS)} or more, and no shorter than an existing log's`;
  if (help !== undefined) return codedError("broker_limited", `${text}: ${help}`, { cause: error });
  const passing = error.status === 503;
  return codedError(passing ? "log_unreachable" : "broker_refused", text, { cause: error });
}

/** The window that the broker allows, if it refused a longer one. Pure. */
export function windowLimitMs({ message }: Refusal): number | undefined {
  const text = /duplicates window can not be larger then server limit of ([\d.a-zµ]+)/.exec(message)?.[1];
  return text === undefined ? undefined : goDurationMs(text);
}

/** How many unacknowledged messages the broker allows a consumer, if it refused more. Pure. */
export function ackPendingLimit({ message }: Refusal): number | undefined {
  const text = /max ack pending exceeds system limit of (\d+)/.exec(message)?.[1];
  return text === undefined ? undefined : Number(text);
}

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds, rounded down, of a duration as Go writes it (`2m0s`). Pure. */
export function goDurationMs(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit = ""] of text.matchAll(/([\d.]+)([a-zµ]+)/g))
    sum += Number(amount) * (UNITS[unit] ?? 0);
  return Math.floor(sum);
}

/** What a shorter window changes, for people. */
export function windowNote(wantedMs: number, grantedMs: number): string {
  return `the broker's limits allow a duplicate_window of ${showAge(grantedMs)} instead of ${showAge(wantedMs)}: a retry with the same Idempotency-Key after a gateway's death is recognized for that long only`;
}

/** What a smaller `max_ack_pending` changes, for people. */
export function ackPendingNote(granted: number): string {
  return `the broker's limits allow a max_ack_pending of ${granted} instead of ${MAX_ACK_PENDING}: when ${granted} events wait in a shard, most often of one session, the shard's other sessions wait as well (ISOLATE-1)`;
}
