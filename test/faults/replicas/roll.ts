import { setTimeout as delay } from "node:timers/promises";
import { isNotice, openSessions, type Session, type Sessions } from "../../../src/client/sessions/index.ts";
import type { Service } from "../service.ts";
import { compare } from "../watch/comparison.ts";
import { restart } from "./home.ts";
import { storedIn } from "./stored.ts";
import { followSteadfastly, type Steadfast } from "./steadfast.ts";

// steadfast.ts is one watcher · home.ts is what is rolled · stored.ts reads what was stored

export type RollPlan = {
  /** Sessions with one turn each. */
  turns: number;
  /** Watchers of each session, by SSE and WebSocket in equal parts. */
  watchers: number;
  /** Events of the agent in a turn. */
  events: number;
  /** How often every server is restarted, one after the other. */
  rounds: number;
  /** Pause behind each restart. */
  calmMs: number;
  /** How long nothing happens then. */
  quietMs: number;
};

/** Servers behind a proxy, and an agent that counts. */
export type Rolled = {
  url: string;
  key: string;
  servers: readonly Service[];
  agent: { asked: readonly string[] };
};

export type RollFound = {
  /** Milliseconds from the end of each stream to the first item of the next. */
  gapsMs: number[];
  /** Streams that ended while nothing happened. */
  brokenInQuiet: number;
  /** Attempts to come back that were refused. */
  refused: string[];
  /** Events that watchers got. */
  events: number;
  restarts: number;
  /** Turns that were under way when the last server was restarted. */
  running: number;
  /** What a watcher missed, or had twice or out of order; turns that did not end well. */
  wrong: string[];
};

type Watcher = { session: Session; seen: Steadfast };
type Run = { wrong: string[]; ended: boolean };

/** Restarts every server, one after the other, under watchers and turns that all go through the proxy. */
export async function roll(home: Rolled, plan: RollPlan): Promise<RollFound> {
  const { url, key, servers, agent } = home;
  await using client = openSessions({ url, key });
  const sessions = await Promise.all(Array.from({ length: plan.turns }, () => client.createSession()));
  const crowd = startCrowd(home, sessions, plan.watchers);
  const runs: Run[] = sessions.map(() => ({ wrong: [], ended: false }));
  const running = Promise.all(
    sessions.map((session, i) => runTurn(client, session, runs[i] as Run, plan.events)),
  );
  running.catch(() => undefined); // awaited below
  while (agent.asked.length < plan.turns) await delay(20);
  let underWay = 0;
  for (let round = 0; round < plan.rounds; round++)
    for (const server of servers) {
      underWay = runs.filter(({ ended }) => !ended).length;
      await restart(server);
      await delay(plan.calmMs);
    }
  await running;
  const before = crowd.gaps();
  await delay(plan.quietMs);
  const brokenInQuiet = crowd.gaps() - before;
  const stored = await storedIn({ url: servers[0]?.url() ?? "", key }, sessions);
  const seen = await crowd.leave(stored);
  return {
    gapsMs: seen.flatMap((it) => it.seen.gapsMs),
    brokenInQuiet,
    refused: seen.flatMap((it) => it.seen.refused),
    events: seen.reduce((sum, it) => sum + it.seen.seqs.length, 0),
    restarts: plan.rounds * servers.length,
    running: underWay,
    wrong: [
      ...seen.flatMap((it) => wrongOf(it, stored.get(it.session.session_id) ?? [])),
      ...runs.flatMap(({ wrong }) => wrong),
      ...(agent.asked.length === plan.turns ? [] : [`${agent.asked.length} turns were run`]),
    ],
  };
}

type Crowd = {
  /** Streams that ended, and were followed by another. */
  gaps(): number;
  /** Waits until everybody has everything. */
  leave(stored: Map<string, number[]>): Promise<Watcher[]>;
};

function startCrowd({ url, key }: Rolled, sessions: readonly Session[], each: number): Crowd {
  const leaving = new AbortController();
  let lasts = new Map<string, number[]>();
  let gaps = 0;
  const all = sessions.flatMap((session) =>
    Array.from({ length: each }, async (_, i) => {
      const { session_id, user_id } = session;
      const by = i % 2 === 0 ? ("sse" as const) : ("socket" as const);
      const seen = await followSteadfastly(
        { server: url, session: session_id, user: user_id, key, by },
        {
          leave: leaving.signal,
          over: (last) => last >= (lasts.get(session_id)?.at(-1) ?? Infinity),
          cameBack: () => void gaps++,
        },
      );
      return { session, seen };
    }),
  );
  const seen = Promise.all(all);
  seen.catch(() => undefined); // awaited in `leave`
  return {
    gaps: () => gaps,
    leave(stored) {
      lasts = stored;
      leaving.abort();
      return seen;
    },
  };
}

/** A turn by the client: its events, each once and in order, until its end. */
async function runTurn(client: Sessions, session: Session, run: Run, events: number): Promise<void> {
  const numbers: unknown[] = [];
  let outcome: unknown;
  for await (const item of client.execute(session, session.session_id)) {
    if (isNotice(item)) run.wrong.push(`${session.session_id}: ${item.type}`);
    if (item.type === "tool_result") numbers.push(item.data["i"]);
    if (item.type === "turn_ended") ({ outcome } = item.data);
  }
  run.ended = true;
  if (outcome !== "finished") run.wrong.push(`${session.session_id} ended ${String(outcome)}`);
  if (numbers.length !== events || numbers.some((n, i) => n !== i))
    run.wrong.push(`${session.session_id}: the agent's events are ${numbers.join(" ")}`);
}

function wrongOf({ session, seen }: Watcher, stored: readonly number[]): string[] {
  const { gaps, repeats, inversions, strangers } = compare(seen.seqs, stored);
  const found = { gaps, repeats, inversions, strangers, marks: seen.marks };
  return Object.entries(found).flatMap(([what, list]) =>
    list.length === 0 ? [] : [`${session.session_id}: ${what} ${list.slice(0, 5).join(" ")}`],
  );
}
