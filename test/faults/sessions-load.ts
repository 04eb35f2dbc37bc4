import { isNotice, type Session, type Sessions } from "../../src/client/sessions/index.ts";
import { seededRandom, type Random } from "./random.ts";
import { storedIn } from "./replicas/stored.ts";
import type { Report } from "./report.ts";
import { compare } from "./watch/comparison.ts";
import { watchSession, type Seen } from "./watch/watcher.ts";

export type SessionsPlan = {
  seed: number;
  /** Sessions that stay, each with one turn after the other. */
  sessions: number;
  /** Watchers that come and go, all together. */
  watchers: number;
  /** Sessions at a time that are made, used for one turn, and deleted. */
  brief: number;
};

/** Where sessions are served. */
export type SessionsPlace = { url: string; key: string };
/** A session that somebody else writes until the signal. */
export type Written = {
  session: Pick<Session, "session_id" | "user_id">;
  write(until: AbortSignal): Promise<void>;
};

/** Turns and watchers that go on until `stop`. */
export type SessionsLoad = {
  /** The sessions that stay and have turns. */
  sessions: readonly Session[];
  /** Rejects when something failed that should not. */
  broken: Promise<never>;
  /** Ends the turns, and the watchers when each has everything that is stored; that is read directly. */
  stop(direct: SessionsPlace): Promise<SessionsDone>;
};

export type SessionsDone = { outcomes: Map<string, number>; checked: number; wrong: string[] };

/** Turns one after the other in sessions that stay and in brief ones, and watchers of those that stay and of what others write. */
export async function startSessionsLoad(
  client: Sessions,
  place: SessionsPlace,
  plan: SessionsPlan,
  others: readonly Written[] = [],
): Promise<SessionsLoad> {
  const random = seededRandom(plan.seed);
  const ending = new AbortController();
  const written = new AbortController();
  const lasts = new Map<string, number[]>();
  const outcomes = new Map<string, number>();
  const goOn = (): boolean => !ending.signal.aborted;
  const tell = (outcome: string): void => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  const sessions = await Promise.all(Array.from({ length: plan.sessions }, () => client.createSession()));
  const all = [...sessions, ...others.map(({ session }) => session)];
  const watching = Promise.all(watchAll(place, all, { ...plan, written: written.signal, lasts }));
  const working = Promise.all([
    ...sessions.map(async (session) => {
      while (goOn()) tell(await turnOf(client, session, random));
    }),
    ...Array.from({ length: plan.brief }, async () => {
      while (goOn()) {
        const session = await client.createSession();
        tell(await turnOf(client, session, random));
        await client.delete(session);
      }
    }),
    ...others.map(({ write }) => write(ending.signal)),
  ]);
  const broken = Promise.all([watching, working]).then(() => new Promise<never>(() => undefined));
  broken.catch(() => undefined); // `stop` tells, too
  return {
    sessions,
    broken,
    async stop(direct) {
      ending.abort();
      await working;
      for (const [id, seqs] of await storedIn(direct, all)) lasts.set(id, seqs);
      written.abort();
      const seen = await watching;
      return {
        outcomes,
        checked: seen.reduce((sum, it) => sum + it.seqs.length, 0),
        wrong: seen.flatMap((it) => wrongOf(it, lasts.get(it.id) ?? [])),
      };
    },
  };
}

/** Tells what watchers saw (WATCH-1). */
export function reportSessions({ outcomes, checked, wrong }: SessionsDone, report: Report): void {
  report.note("turns", [...outcomes].map(([what, count]) => `${count} ${what}`).join(", "));
  report.check("events that watchers got", checked > 0, String(checked));
  report.check("missed, repeated, out of order", wrong.length === 0, wrong.slice(0, 5).join("; ") || "0");
}

/** A turn, which is cancelled at times. Returns how it ended. */
async function turnOf(client: Sessions, session: Session, random: Random): Promise<string> {
  const cancelled = random.next() < 0.2;
  for await (const item of client.execute(session, "go on")) {
    if (isNotice(item)) return item.type;
    if (item.type === "turn_ended") return String(item.data["outcome"]);
    if (cancelled && item.type === "tool_result" && item.data["i"] === 5 && item.turn_id !== undefined)
      await client.cancel(session, item.turn_id);
  }
  return "without an end";
}

function watchAll(
  { url, key }: SessionsPlace,
  sessions: readonly Written["session"][],
  of: { watchers: number; seed: number; written: AbortSignal; lasts: ReadonlyMap<string, number[]> },
): Promise<Seen & { id: string }>[] {
  return Array.from({ length: of.watchers }, async (_, i) => {
    const { session_id: id, user_id: user } = sessions[i % sessions.length] as Written["session"];
    const seen = await watchSession({
      session: id,
      user,
      key,
      by: Math.floor(i / sessions.length) % 2 === 0 ? "sse" : "socket",
      servers: () => [url],
      random: seededRandom(of.seed + i),
      written: of.written,
      last: () => of.lasts.get(id)?.at(-1) ?? 0,
      got: () => undefined,
    });
    return { ...seen, id };
  });
}

function wrongOf({ id, seqs, marks }: Seen & { id: string }, stored: readonly number[]): string[] {
  const { gaps, repeats, inversions, strangers } = compare(seqs, stored);
  return Object.entries({ gaps, repeats, inversions, strangers, marks }).flatMap(([what, list]) =>
    list.length === 0 ? [] : [`${id}: ${what} ${list.slice(0, 5).join(" ")}`],
  );
}
