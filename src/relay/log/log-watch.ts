import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { codedError } from "../../shared/errors.ts";
import { checkLog, shortenedText, type LogCheck } from "../../shared/log-check.ts";
import { stampMs } from "../../shared/log-end.ts";
import { decodeMark, encodeMark, type LogMark } from "../../shared/log-mark.ts";
import { readRevision, readState, writeState } from "../../shared/state-store.ts";
import { EVENTS_STREAM, stateKey } from "../../shared/topology.ts";

/** How often the newest event's place is written down. */
export const MARK_MS = 1000;

const MENDED = "the log lost its end and was mended meanwhile; what this relay remembers is void";

function anewText(before: string, now: string): string {
  return `what is remembered is of a log made ${before}, this one was made ${now}; run \`provision\``;
}

/** Whether the log is the one that is remembered, and what to remember of it. */
export type LogWatch = {
  /**
   * Resolves when the log was found to be whole since the connection was made; then nothing can have happened to it. Throws `log_shortened`, and what
   * the broker says.
   */
  whole(): Promise<void>;
  disconnected(): void;
  reconnected(): void;
  /** Writes down the newest event's place. */
  mark(): Promise<void>;
  /** First part of `Rr-Stream-Seq`: a number never comes again within one. */
  epoch(): number;
};

/**
 * A broker that starts again may have lost the end of the log, and gateways write at once, so that the lost numbers come again. Everything here goes by
 * numbers. So after every reconnect nothing is taken over, and nothing written down, before the log was held against what was seen of it. What this
 * process remembers is void then: it ends, and `provision` mends (ADR 0013).
 */
export function createLogWatch(deps: {
  nc: NatsConnection;
  jsm: JetStreamManager;
  fatal: (error: Error) => void;
}): LogWatch {
  const { nc, jsm } = deps;
  let connected = true;
  let checking: Promise<void> | undefined;
  let last: LogCheck | undefined;
  let mended: number | undefined;
  let marked = 0;

  async function check(): Promise<void> {
    last = await checkLog(jsm);
    const { end, mark } = last;
    if (end.kind === "shortened")
      throw codedError(
        "log_shortened",
        `${shortenedText(end)}; run \`provision\`, which mends what is remembered`,
      );
    if (mark !== undefined && mark.mark.created !== last.log.created)
      throw codedError("checkpoint_mismatch", anewText(mark.mark.created, last.log.created));
    const times = mark?.mark.mended ?? 0;
    mended ??= times;
    if (times !== mended) throw codedError("log_shortened", MENDED);
  }

  function whole(): Promise<void> {
    if (!connected) return Promise.reject(new Error("the broker is not connected"));
    if (checking === undefined) {
      const turn = check();
      checking = turn;
      turn.catch(() => {
        if (checking === turn) checking = undefined; // asked again
      });
    }
    return checking;
  }

  async function write(created: string, seq: number, at: number): Promise<void> {
    const stored = await readState(jsm, stateKey.mark);
    const known: LogMark =
      stored === undefined
        ? { v: 1, created, seq: 0, at: 0, highest: 0, mended: 0 }
        : decodeMark(stored.value);
    if (known.created !== created)
      return deps.fatal(codedError("checkpoint_mismatch", anewText(known.created, created)));
    if (known.mended !== mended) return deps.fatal(codedError("log_shortened", MENDED));
    if (known.seq >= seq) return;
    const value = encodeMark({ ...known, seq, at, highest: Math.max(seq, known.highest) });
    await writeState(nc, stateKey.mark, value, stored?.revision ?? (await readRevision(jsm, stateKey.mark)));
  }

  return {
    whole,
    disconnected() {
      connected = false;
      checking = undefined;
    },
    reconnected() {
      connected = true;
    },
    async mark() {
      const turn = checking;
      if (turn === undefined) return; // nothing may be written before a look
      await turn;
      const { state, created } = await jsm.streams.info(EVENTS_STREAM);
      const at = stampMs(state.last_ts);
      if (turn !== checking || state.last_seq === marked || Number.isNaN(at)) return;
      await write(created, state.last_seq, at);
      marked = state.last_seq;
    },
    epoch: () => last?.mark?.mark.epoch ?? Date.parse(last?.log.created ?? ""),
  };
}
