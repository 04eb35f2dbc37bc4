import { expect, onTestFinished, test } from "vitest";
import { parseCursor, showCursor } from "../../../src/shared/session-log/follow/cursor.ts";
import { watch } from "../../../src/shared/session-log/follow/watch.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import { eventually } from "../../support/eventually.ts";
import { agent, follower, registry, sessionsBroker, sweeper, type Follower } from "./harness.ts";

const SESSIONS = 6;
const WATCHERS = 36;
const KILLS = 4;
/** Events that are stored between two kills, at the least. */
const BETWEEN = 400;

type Stored = { seq: number; kind: string };
/** What a watcher saw, and the gaps that it was told of. */
type Seen = { seqs: number[]; gaps: { from: number; to: number }[] };

/**
 * Follows a session; leaves and comes back at its cursor, again and again. `over` says which event is the last when all are written, and interrupts a
 * visit that would wait for more.
 */
async function comeAndGo(
  home: Follower,
  session: string,
  over: { signal: AbortSignal; last: () => number; swept: () => number },
): Promise<Seen> {
  const seen: Seen = { seqs: [], gaps: [] };
  let cursor = "0";
  const complete = (): boolean => over.signal.aborted && (seen.seqs.at(-1) ?? 0) >= over.last();
  while (!complete()) {
    const visit = new AbortController();
    const interrupt = (): void => visit.abort();
    if (!over.signal.aborted) over.signal.addEventListener("abort", interrupt);
    let left = 1 + Math.floor(Math.random() * 150);
    if (Math.random() < 0.1) await longAbsence(over);
    const after = parseCursor(cursor);
    if (after === undefined) throw new Error(`no cursor: ${cursor}`);
    const watching = watch(home, { session, after, signal: visit.signal });
    try {
      for await (const item of watching) {
        if (item.kind === "caught_up") {
          if (complete() || Math.random() < 0.1) break;
          continue;
        }
        if (item.kind === "gap") seen.gaps.push({ from: item.from, to: item.to });
        else if (item.kind !== "event") throw new Error(`${item.kind} in ${session}`);
        else {
          seen.seqs.push(item.event.seq);
          cursor = showCursor(item.event.seq, item.log);
          if (Math.random() < 0.02) await new Promise((resolve) => setImmediate(resolve));
          if (--left === 0 || complete()) break;
        }
      }
    } catch (error) {
      if (!visit.signal.aborted) throw error;
    } finally {
      over.signal.removeEventListener("abort", interrupt);
    }
  }
  return seen;
}

/** Until retention removed something that was new by then, or all is written. */
async function longAbsence({ signal, swept }: { signal: AbortSignal; swept: () => number }): Promise<void> {
  const before = swept();
  await eventually(() => expect(signal.aborted || swept() > before + 500).toBe(true));
}

/** What a watcher must have seen: everything but what a gap named that it was told of, and that may be removed. */
function expectComplete({ seqs, gaps }: Seen, stored: readonly Stored[], of: string): void {
  const named = ({ seq, kind }: Stored): boolean =>
    kind !== "turn_ended" && gaps.some(({ from, to }) => from <= seq && seq <= to);
  const seen = new Set(seqs);
  expect(seqs, of).toEqual(stored.filter((it) => seen.has(it.seq)).map(({ seq }) => seq));
  expect(
    stored.filter((it) => !seen.has(it.seq) && !named(it)),
    of,
  ).toEqual([]);
}

test("WATCH-1: writers, watchers that come and go, connections that break, retention, a broker that is killed: no gap without a name, no repeat, no inversion", async () => {
  const broker = await sessionsBroker();
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const homes = await Promise.all([follower(broker, ending.signal), follower(broker, ending.signal)]);
  const maker = await registry(broker, ending.signal);
  const sessions = await Promise.all(
    Array.from({ length: SESSIONS }, async (_, i) => {
      const request = { user: "ann", id: `s${i}`, kind: "worker" as const, record: {} };
      return (await createSession(maker, request)).session;
    }),
  );
  const stored = new Map<string, Stored[]>();
  const total = (): number => [...stored.values()].reduce((sum, { length }) => sum + length, 0);
  let writing = true;
  let swept = 0;

  const writers = sessions.map(async (session) => {
    const { events } = await maker.pages.read(`rr.ses.${session.name}.>`, 1);
    const mine: Stored[] = events.map(({ seq }) => ({ seq, kind: "created" }));
    stored.set(session.name, mine);
    const owner = await agent(broker, session, ending.signal);
    while (writing) await owner.turn(20, (kind, seq) => mine.push({ seq, kind }));
  });
  const written = Promise.all(writers);
  written.catch(() => undefined); // awaited below
  const sweep = await sweeper(broker, { maxAge: 1e12, maxBytes: 20_000 }, ending.signal);
  const sweeping = (async () => {
    while (writing)
      swept += await sweep.round().then(
        ({ events }) => events,
        () => 0,
      ); // the broker may be away
  })();
  sweeping.catch(() => undefined);
  const over = new AbortController();
  const watchers = Array.from({ length: WATCHERS }, (_, i) => {
    const session = sessions[i % SESSIONS]?.name ?? "";
    const home = homes[i % 2];
    if (home === undefined) throw new Error("no home");
    const last = (): number => stored.get(session)?.at(-1)?.seq ?? 0;
    const seen = comeAndGo(home, session, { signal: over.signal, last, swept: () => swept });
    seen.catch(() => undefined);
    return { session, seen };
  });

  for (let kill = 0; kill < KILLS; kill++) {
    const before = total();
    await eventually(() => expect(total()).toBeGreaterThan(before + BETWEEN));
    // while writers continue: what is stored meanwhile is not heard
    for (const { nc } of homes) await nc.reconnect();
    const half = total();
    await eventually(() => expect(total()).toBeGreaterThan(half + BETWEEN));
    await broker.kill9();
    await broker.restart();
  }
  const before = total();
  await eventually(() => expect(total()).toBeGreaterThan(before + BETWEEN));
  writing = false;
  await Promise.all([written, sweeping]);
  over.abort();

  let gaps = 0;
  for (const { session, seen } of watchers) {
    gaps += (await seen).gaps.length;
    expectComplete(await seen, stored.get(session) ?? [], session);
  }
  expect(gaps).toBeGreaterThan(0);
});
