/** A message as it is published. `head` are its header lines, each closed by CRLF, without the `NATS/1.0` line. */
export type LogMessage = { subject: string; head: string; payload: Uint8Array };

/** Why the log did not take a message. `later` may be tried again; the others are final. */
export type Refusal = "log_full" | "log_refused" | "later";

/** What the log said to one message. Only `unknown` leaves open whether it was stored. */
export type Ack =
  | { kind: "stored"; seq: number; duplicate: boolean }
  | { kind: "refused"; refusal: Refusal; detail: string }
  | { kind: "unknown"; detail: string };

/** What the log said to an atomic batch: all of it stored, in order and without a gap from `firstSeq`, or nothing. */
export type BatchAck =
  | { kind: "stored"; firstSeq: number }
  | { kind: "refused"; detail: string }
  | { kind: "unknown"; detail: string };

/**
 * The log as the committer needs it. At most one call of {@link singles} or {@link batch} is under way at a time. Both resolve in
 * any case, at the latest after `timeoutMs`, and at once when the connection is lost.
 */
export interface Log {
  /** Publishes each by itself, in order, without waiting in between. */
  singles(messages: readonly LogMessage[], timeoutMs: number): Promise<readonly Ack[]>;
  /** Publishes all or nothing. */
  batch(messages: readonly LogMessage[], timeoutMs: number): Promise<BatchAck>;
  /** False while the connection is lost. */
  up: () => boolean;
  /** Resolves when {@link up} is true or `ms` are over. */
  whenUp(ms: number): Promise<void>;
}
