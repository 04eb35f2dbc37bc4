import type { Kind } from "../schema/subjects.ts";
import type { TraceContext } from "../../base/tracing.ts";

/** Number of an event within its session: consecutive from 1 within one epoch. */
export type SessionNumber = { epoch: string; seq: number };

/** Why a write is not in the log. */
export type WriteFailure =
  | "log_unreachable"
  | "log_full"
  | "log_refused"
  | "event_id_taken"
  | "session_backlog_full"
  | "internal";

/** What became of a write. `number` is missing where only the log knows it: a duplicate that an earlier
 * process stored, or an earlier try under another number. */
export type Outcome =
  | { kind: "stored"; streamSeq: number; duplicate: boolean; number: SessionNumber | undefined }
  | { kind: "failed"; code: WriteFailure; detail: string };

/** One accepted write on its way into the log. */
export type Write = {
  /** Event id and message id. */
  readonly id: string;
  /** True if the id comes from an `Idempotency-Key`: then an earlier process may have stored it already. */
  readonly keyed: boolean;
  readonly kind: Kind;
  readonly session: string;
  /** Of kind `run`: which report of which run. */
  readonly run?: { id: string; report: string } | undefined;
  readonly subject: string;
  /** Header lines that all of its kind and session share, see `message.ts`. */
  readonly lines: string;
  /** Wall clock, milliseconds since 1970. */
  readonly receivedAt: number;
  readonly type: string;
  readonly body: Uint8Array;
  /** Subject on which the coordinator's answer is awaited. */
  readonly answer: string | undefined;
  readonly trace: TraceContext | undefined;
  /** How long its client waits for it, milliseconds. Absent, or shorter than the usual time: as long as usual. */
  readonly patienceMs?: number | undefined;
  /** Called exactly once. */
  readonly settle: (outcome: Outcome) => void;
};
