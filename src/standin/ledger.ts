import { hash } from "node:crypto";
import { closeSync, existsSync, openSync, readFileSync, writeSync } from "node:fs";

/** One arrival at the stand-in, in the order of arrival. Not part of the real coordinator's contract: it is what campaigns check. */
export type LedgerEntry = {
  /** 1, 2, 3 … over all arrivals. */
  n: number;
  /** Wall clock, milliseconds since 1970. */
  at: number;
  method: string;
  path: string;
  session?: string;
  /** `Idempotency-Key`; that of the item for one of a batch, like `sessionSeq`. */
  key?: string;
  /** `Rr-Session-Seq` and `Rr-Stream-Seq`: `<epoch>-<n>` and `<stream creation>-<n>`. */
  sessionSeq?: string;
  streamSeq?: string;
  /** The status that was, or would have been, answered; 0 where a fault left no answer at all. */
  status: number;
  /** The coordinator carried the write out, whether the answer reached its caller or not. */
  applied: boolean;
  /** First 16 digits of the body's SHA-1. */
  sha: string;
  /** The body's own `marker` field, by which campaigns know their events. */
  marker?: string;
  /** This key has come before. */
  repeat?: true;
  /** A first arrival whose stream sequence is lower than the session's highest so far (ORDER-1). */
  stale?: true;
  /** A first arrival whose session sequence is lower than the highest so far of its session and epoch (ORDER-1). */
  inverted?: true;
  /** The fault that was played. */
  fault?: string;
  /** Only when whole requests are kept. */
  body?: string;
  headers?: Record<string, string>;
};

export type Arrival = Omit<LedgerEntry, "n" | "repeat" | "stale" | "inverted" | "sha">;

export type LedgerSummary = {
  entries: number;
  keys: number;
  repeats: number;
  stale: number;
  inverted: number;
  applied: number;
};

export type Ledger = ReturnType<typeof createLedger>;

/**
 * An ordered record of arrivals in memory, and with `file` also on disk: a line is written before the answer goes out, so that it
 * survives a `kill -9` of this process (the page cache does; there is no fsync). An existing file is read and continued.
 */
export function createLedger(options: { file?: string }) {
  const entries: LedgerEntry[] = [];
  const keys = new Set<string>();
  const highest = new Map<string, number>();
  const summary: LedgerSummary = { entries: 0, keys: 0, repeats: 0, stale: 0, inverted: 0, applied: 0 };
  const file = options.file;
  if (file !== undefined && existsSync(file)) {
    for (const line of readFileSync(file, "utf8").split("\n")) {
      const entry = parsed(line);
      if (entry !== undefined) take(entry);
    }
  }
  const fd = file === undefined ? undefined : openSync(file, "a");

  function take(entry: LedgerEntry): void {
    if (entry.key !== undefined && keys.has(entry.key)) entry.repeat = true;
    else {
      if (entry.key !== undefined) keys.add(entry.key);
      if (falls(`stream ${entry.session}`, entry.streamSeq)) entry.stale = true;
      if (falls(`session ${entry.session}`, entry.sessionSeq)) entry.inverted = true;
    }
    entries.push(entry);
    summary.entries++;
    summary.keys = keys.size;
    if (entry.repeat) summary.repeats++;
    if (entry.stale) summary.stale++;
    if (entry.inverted) summary.inverted++;
    if (entry.applied) summary.applied++;
  }

  /** Whether `<prefix>-<n>` has a lower n than one seen before with that prefix. */
  function falls(scope: string, sequence: string | undefined): boolean {
    const cut = sequence?.lastIndexOf("-") ?? -1;
    if (sequence === undefined || cut < 0) return false;
    const name = `${scope} ${sequence.slice(0, cut)}`;
    const n = Number(sequence.slice(cut + 1));
    const before = highest.get(name) ?? 0;
    if (n < before) return true;
    highest.set(name, n);
    return false;
  }

  return {
    entries: entries as readonly LedgerEntry[],
    summary: (): LedgerSummary => ({ ...summary }),
    add(arrival: Arrival, body: string): void {
      const entry: LedgerEntry = {
        n: entries.length + 1,
        ...arrival,
        sha: hash("sha1", body).slice(0, 16),
      };
      take(entry);
      if (fd !== undefined) writeSync(fd, `${JSON.stringify(entry)}\n`);
    },
    close(): void {
      if (fd !== undefined) closeSync(fd);
    },
  };
}

/** A line of the file; the last one may have been cut by a crash of the machine. */
function parsed(line: string): LedgerEntry | undefined {
  if (line === "") return undefined;
  try {
    return JSON.parse(line) as LedgerEntry;
  } catch {
    return undefined;
  }
}
