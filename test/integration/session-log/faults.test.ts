import { expect, onTestFinished, test } from "vitest";
import { watch } from "../../../src/shared/session-log/follow/watch.ts";
import { eventually } from "../../support/eventually.ts";
import { follower, sessionsBroker, worker, type Follower } from "./harness.ts";

const SESSIONS = 6;
const WATCHERS = 36;
const KILLS = 4;
/** Events that are stored between two kills, at the least. */
const BETWEEN = 400;

type Seen = { seq: number; text: string };

/**
 * Follows a session; leaves and comes back at its cursor, again and again. `over` says which event is the last when all are written, and interrupts a
 * visit that would wait for more.
 */
async function comeAndGo(
  home: Follower,
  session: string,
  over: { signal: AbortSignal; last: () => number },
): Promise<Seen[]> {
  const seen: Seen[] = [];
  const complete = (): boolean => over.signal.aborted && (seen.at(-1)?.seq ?? 0) >= over.last();
  while (!complete()) {
    const visit = new AbortController();
    const interrupt = (): void => visit.abort();
    if (!over.signal.aborted) over.signal.addEventListener("abort", interrupt);
    let left = 1 + Math.floor(Math.random() * 150);
    const watching = watch(home, { session, after: seen.at(-1)?.seq ?? 0, signal: visit.signal });
    try {
      for await (const item of watching) {
        if (item.kind === "caught_up") {
          if (complete() || Math.random() < 0.1) break;
          continue;
        }
        if (item.kind !== "event") throw new Error(`${item.kind} in ${session}`);
        const { seq, data } = item.event;
        seen.push({ seq, text: new TextDecoder().decode(data) });
        if (Math.random() < 0.02) await new Promise((resolve) => setImmediate(resolve));
        if (--left === 0 || complete()) break;
      }
    } catch (error) {
      if (!visit.signal.aborted) throw error;
    } finally {
      over.signal.removeEventListener("abort", interrupt);
    }
  }
  return seen;
}

test("WATCH-1: writers, watchers that come and go and connections that break, a broker that is killed: no gap, no repeat, no inversion", async () => {
  const broker = await sessionsBroker();
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const homes = await Promise.all([follower(broker, ending.signal), follower(broker, ending.signal)]);
  const write = await worker(broker, ending.signal);
  const sessions = Array.from({ length: SESSIONS }, (_, i) => `session-${i}`);
  const stored = new Map<string, Seen[]>(sessions.map((session) => [session, []]));
  const total = (): number => [...stored.values()].reduce((sum, { length }) => sum + length, 0);
  let writing = true;

  const writers = sessions.map(async (session) => {
    const writer = write(session);
    for (let n = 1; writing; n++) {
      const text = `${session} ${n}`;
      const appended = await writer.append({
        id: `e${n}`,
        kind: "text",
        data: new TextEncoder().encode(text),
      });
      if (appended.kind !== "stored") throw new Error(`${text}: ${JSON.stringify(appended)}`);
      stored.get(session)?.push({ seq: appended.seq, text });
    }
  });
  const written = Promise.all(writers);
  written.catch(() => undefined); // awaited below
  const over = new AbortController();
  const watchers = Array.from({ length: WATCHERS }, (_, i) => {
    const session = sessions[i % SESSIONS] ?? "";
    const home = homes[i % 2];
    if (home === undefined) throw new Error("no home");
    const last = (): number => stored.get(session)?.at(-1)?.seq ?? 0;
    const seen = comeAndGo(home, session, { signal: over.signal, last });
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
  await written;
  over.abort();

  for (const { session, seen } of watchers) expect(await seen, session).toEqual(stored.get(session));
});
