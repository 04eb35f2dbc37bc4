import type { Clock } from "../../../../../src/shared/base/clock.ts";
import type { Ack, BatchAck, Log, LogMessage } from "../../../../../src/shared/log/append/log.ts";

/** A clock that jumps to its next timer as soon as nothing else is going on. */
export function createJumpingClock(): Clock {
  let now = 1000;
  let timers: { at: number; fn: () => void }[] = [];
  let pumping = false;
  let quiet = 0;
  const pump = (): void => {
    if (timers.length === 0) {
      pumping = false;
      return;
    }
    if (++quiet > 3) {
      quiet = 0;
      const next = timers.reduce((a, b) => (b.at < a.at ? b : a));
      timers = timers.filter((timer) => timer !== next);
      now = Math.max(now, next.at);
      next.fn();
    }
    setImmediate(pump);
  };
  return {
    now: () => now,
    wall: () => now,
    after(ms, fn) {
      const timer = { at: now + ms, fn };
      timers.push(timer);
      quiet = 0;
      if (!pumping) {
        pumping = true;
        setImmediate(pump);
      }
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
  };
}

/** What goes wrong with one call of the log. */
export type Fault =
  | { kind: "none" }
  /** The connection breaks after `stored` messages reached the stream (a batch: all or nothing); back after `downMs`. */
  | { kind: "cut"; stored: number; downMs: number }
  /** No answer. The messages reach the stream at once, or after `lateMs`, or never. */
  | { kind: "silent"; lateMs: number | undefined }
  /** Some messages of a call never arrive, and nobody says so; of a batch that is the end. */
  | { kind: "holes"; every: number; lost: "unknown" | "later" }
  /** Refused for the moment: no leader, too many requests, too many open batches. */
  | { kind: "later" };

export type StoredMessage = { id: string; session: string; epoch: string; number: number };

/** A stream as the broker keeps it: deduplicated, ordered, with atomic batches; and everything that can happen on the way to it. */
export type SimulatedLog = Log & { stream: StoredMessage[]; modes: Set<string>; overlapped: boolean };

export function createSimulatedLog(options: {
  clock: Clock;
  /** Consumed one per call; then nothing goes wrong any more. */
  faults: Fault[];
  /** Ids that are refused for good. */
  denied: ReadonlySet<string>;
  /** Ids that are in the stream from the start. */
  before: readonly StoredMessage[];
  workMs?: number;
}): SimulatedLog {
  const { clock, faults, denied, workMs = 1 } = options;
  const stream: StoredMessage[] = [...options.before];
  const modes = new Set<string>();
  let downUntil = 0;
  let busy = false;
  const log: SimulatedLog = { stream, modes, overlapped: false, singles, batch, up, whenUp };

  function up(): boolean {
    return clock.now() >= downUntil;
  }

  function whenUp(ms: number): Promise<void> {
    return sleep(Math.max(0, Math.min(ms, downUntil - clock.now())));
  }

  function sleep(ms: number): Promise<void> {
    return new Promise((resolve) => clock.after(ms, resolve));
  }

  function read(message: LogMessage): StoredMessage {
    return JSON.parse(Buffer.from(message.payload).toString()) as StoredMessage;
  }

  function store(message: LogMessage): Ack {
    const it = read(message);
    if (denied.has(it.id)) return { kind: "refused", refusal: "log_refused", detail: "denied" };
    const known = stream.findIndex(({ id }) => id === it.id);
    if (known >= 0) return { kind: "stored", seq: known + 1, duplicate: true };
    stream.push(it);
    return { kind: "stored", seq: stream.length, duplicate: false };
  }

  function storeAll(messages: readonly LogMessage[]): BatchAck {
    const bad = messages
      .map(read)
      .find(({ id }) => denied.has(id) || stream.some((known) => known.id === id));
    if (bad !== undefined) return { kind: "refused", detail: `one is bad: ${bad.id}` };
    const firstSeq = stream.length + 1;
    for (const message of messages) stream.push(read(message));
    return { kind: "stored", firstSeq };
  }

  async function call<T>(mode: string, timeoutMs: number, run: (fault: Fault) => T): Promise<T> {
    if (busy) log.overlapped = true;
    busy = true;
    modes.add(mode);
    const fault = faults.shift() ?? { kind: "none" };
    if (fault.kind === "cut") downUntil = clock.now() + fault.downMs;
    const result = run(fault);
    await sleep(fault.kind === "silent" ? timeoutMs : workMs);
    busy = false;
    return result;
  }

  function singles(messages: readonly LogMessage[], timeoutMs: number): Promise<readonly Ack[]> {
    const unknown: Ack = { kind: "unknown", detail: "no answer" };
    const later: Ack = { kind: "refused", refusal: "later", detail: "later" };
    return call("singles", timeoutMs, (fault) => {
      switch (fault.kind) {
        case "none":
          return messages.map(store);
        case "later":
          return messages.map(() => later);
        case "holes":
          return messages.map((message, i) => {
            if (i % fault.every > 0) return store(message);
            return fault.lost === "later" ? later : unknown;
          });
        case "cut":
          messages.slice(0, fault.stored).forEach(store);
          return messages.map(() => unknown);
        case "silent":
          if (fault.lateMs === 0) messages.forEach(store);
          else if (fault.lateMs !== undefined) clock.after(fault.lateMs, () => messages.forEach(store));
          return messages.map(() => unknown);
      }
    });
  }

  function batch(messages: readonly LogMessage[], timeoutMs: number): Promise<BatchAck> {
    const unknown: BatchAck = { kind: "unknown", detail: "no answer" };
    return call("batch", timeoutMs, (fault) => {
      switch (fault.kind) {
        case "none":
          return storeAll(messages);
        case "later":
        case "holes":
          return { kind: "refused", detail: "too many batches" };
        case "cut":
          if (fault.stored >= messages.length) storeAll(messages);
          return unknown;
        case "silent":
          if (fault.lateMs === 0) storeAll(messages);
          else if (fault.lateMs !== undefined) clock.after(fault.lateMs, () => storeAll(messages));
          return unknown;
      }
    });
  }

  return log;
}
