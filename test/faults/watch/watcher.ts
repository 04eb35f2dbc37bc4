import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../random.ts";
import { visitByGrpc, visitBySocket, visitBySse, type Got, type Visit, type Visited } from "./visit.ts";

/** Everything that a watcher saw of its session. */
export type Seen = {
  seqs: number[];
  /** What was said beside events, and should not be where nothing was removed. */
  marks: string[];
  visits: number;
};

/** By what a watcher watches. */
export type Protocol = "sse" | "socket" | "grpc";

export type WatcherOptions = {
  session: string;
  user: string;
  key: string;
  by: Protocol;
  /** Addresses of the servers. */
  servers: () => string[];
  random: Random;
  /** Aborts when all is written; then `last` is the session's newest event. */
  written: AbortSignal;
  last: () => number;
  /** Called with each event. */
  got: () => void;
};

const HARMLESS = new Set(["caught_up", "closed"]);
/** Mean pause between two visits, and of the long ones. */
const AWAY_MS = 300;
const LONG_MS = 4000;
/** How long a slow reader reads nothing. */
const SLOW_MS = 1500;

/** Follows a session; leaves and comes back at its cursor again and again, by any of the servers, until it has everything. */
export async function watchSession(options: WatcherOptions): Promise<Seen> {
  const { random, written, servers } = options;
  const seen: Seen = { seqs: [], marks: [], visits: 0 };
  let cursor = "0";
  const complete = (): boolean => written.aborted && (seen.seqs.at(-1) ?? 0) >= options.last();

  function take({ seq, log, type }: Got): void {
    if (seq === undefined || type === "gap") {
      if (!HARMLESS.has(type)) seen.marks.push(type);
      return;
    }
    seen.seqs.push(seq);
    options.got();
    // a bare number at times, as a client keeps it that knows nothing of logs
    cursor = log === undefined || random.next() < 0.1 ? String(seq) : `${seq}.${log}`;
  }

  while (!complete()) {
    const all = servers();
    const server = all[Math.floor(random.next() * all.length)] ?? "";
    const visit = await arrive({ ...options, server }, cursor);
    if (visit !== undefined) {
      seen.visits++;
      await stay(visit, { ...options, take, complete });
    }
    if (!complete()) await delay(random.exponential(random.next() < 0.1 ? LONG_MS : AWAY_MS));
  }
  return seen;
}

const OPEN = { sse: visitBySse, socket: visitBySocket, grpc: visitByGrpc } as const;

/** Undefined while the server is away. */
async function arrive(of: Visited & Pick<WatcherOptions, "by">, cursor: string): Promise<Visit | undefined> {
  return await OPEN[of.by](of, cursor).catch((error: unknown) => {
    // 4xx is an answer: nothing that was done to the servers excuses it, but that a stopped one did not read in time
    if (/\b4(?!08)\d\d\b/.test(String(error))) throw error;
    return undefined;
  });
}

async function stay(
  visit: Visit,
  on: Pick<WatcherOptions, "random" | "written"> & { take: (got: Got) => void; complete: () => boolean },
): Promise<void> {
  const { random, written, take, complete } = on;
  let left = 1 + Math.floor(random.next() * 300);
  const leave = (): void => visit.leave();
  const timer = setTimeout(leave, random.exponential(15_000));
  const look = (): void => void (complete() && leave());
  written.addEventListener("abort", look);
  if (random.next() < 0.05) {
    visit.pause();
    setTimeout(visit.resume, SLOW_MS).unref();
  }
  for (let got = await visit.next(); got !== undefined && left > 0; got = await visit.next()) {
    for (const it of got) if (left-- > 0) take(it);
    if (complete()) break;
  }
  clearTimeout(timer);
  written.removeEventListener("abort", look);
  leave();
}
