import { expect, onTestFinished, test } from "vitest";
import type { Agent } from "../../../src/agents/agent.ts";
import { isCoded } from "../../../src/shared/base/errors.ts";
import type { ReadEvent } from "../../../src/shared/session-log/follow/stored-event.ts";
import { leaseHolder } from "../../../src/shared/session-log/ownership/lease.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import type { Session } from "../../../src/shared/session-log/registry/entry.ts";
import { cancelTurn, requestTurn } from "../../../src/shared/session-log/turns/request.ts";
import { startWorker } from "../../../src/worker/worker.ts";
import { sessionVerdict } from "../../faults/session-verdict.ts";
import { anyFolder } from "../../support/agent-home.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { registry, sessionsBroker, workerHome, type Registry } from "../session-log/harness.ts";

const SESSIONS = 4;
const WORKERS = 3;
const FAULTS = 9;

/** Opens and closes: everything that a process does waits while it is closed, as if it were stopped. */
function gate(): { pass: () => Promise<void>; close: () => void; open: () => void } {
  let opened = Promise.withResolvers<void>();
  opened.resolve();
  return {
    pass: () => opened.promise,
    close: () => void (opened = Promise.withResolvers()),
    open: () => opened.resolve(),
  };
}

/** What a process has that can be stopped: its writes, timers and agents wait until it is continued. */
async function stoppable(
  broker: TestBroker,
  signal: AbortSignal,
): Promise<{
  deps: Parameters<typeof startWorker>[0];
  pass: () => Promise<void>;
  stop: () => void;
  go: () => void;
  cut: () => Promise<void>;
}> {
  const home = await workerHome(broker, signal);
  const { pass, close, open } = gate();
  const { nc, clock } = home;
  const request: typeof nc.request = async (...args) => {
    await pass();
    return await nc.request(...args);
  };
  const slow = new Proxy(nc, {
    get: (target, name) => {
      if (name === "request") return request;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  const after: typeof clock.after = (ms, fn) => {
    let cancelled = false;
    const cancel = clock.after(ms, () => void pass().then(() => cancelled || fn()));
    return () => {
      cancelled = true;
      cancel();
    };
  };
  return {
    deps: { ...home, nc: slow, clock: { ...clock, after } },
    pass,
    stop: close,
    go: open,
    cut: () => nc.close(),
  };
}

/** A worker that owns what it can, is stopped, continued, cut off and started again until `signal`. */
async function work(
  broker: TestBroker,
  of: { name: string; signal: AbortSignal; ended: Map<string, number> },
): Promise<{ name: string; stop: () => void; go: () => void; cut: () => Promise<void> }> {
  const life = new AbortController();
  const signal = AbortSignal.any([of.signal, life.signal]);
  const { deps, pass, stop, go, cut } = await stoppable(broker, signal);
  const agent: Agent = {
    async run({ turn }, events, over) {
      for (let i = 0; i < 20 && !over.aborted; i++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        await pass();
        events.tell("tool_call", { i });
      }
      of.ended.set(turn, (of.ended.get(turn) ?? 0) + 1);
      return { outcome: "finished" };
    },
  };
  startWorker(deps, { name: of.name, ...anyFolder(agent), idleMs: 500, maxBytes: 1e9 });
  return {
    name: of.name,
    stop,
    go,
    async cut() {
      await cut();
      life.abort();
    },
  };
}

/** Asks for a turn, again while too many wait. */
async function askFor(client: Registry, session: Session, turn: string): Promise<void> {
  for (;;) {
    try {
      await requestTurn(client, session, turn, Buffer.from("{}"));
      return;
    } catch (error) {
      if (!isCoded(error, "turns_full")) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

test("TURN-1, OWNER-1: workers that are stopped, continued and cut off, a broker that is killed: each turn ends once, and nothing of an owner before is stored", async () => {
  const broker = await sessionsBroker();
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const client: Registry = await registry(broker, ending.signal);
  const sessions = await Promise.all(
    Array.from({ length: SESSIONS }, async (_, i) => {
      const request = { user: "ann", id: `s${i}`, kind: "worker" as const, record: {} };
      return (await createSession(client, request)).session;
    }),
  );
  const ended = new Map<string, number>();
  const start = (name: string): ReturnType<typeof work> =>
    work(broker, { name, signal: ending.signal, ended });
  const workers = await Promise.all(Array.from({ length: WORKERS }, (_, i) => start(`w${i}`)));
  let asking = true;
  const asked = Promise.all(
    sessions.map(async (session) => {
      let i = 0;
      for (; asking; i++) {
        await askFor(client, session, `${session.id} ${i}`);
        if (i % 5 === 4) await cancelTurn(client, session, `${session.id} ${i}`);
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      return i;
    }),
  );
  asked.catch(() => undefined); // awaited below
  const logs = (): Promise<ReadEvent[][]> => Promise.all(sessions.map(readAll));
  async function readAll({ name }: Session): Promise<ReadEvent[]> {
    const all: ReadEvent[] = [];
    for (let from = 1; ;) {
      const { events, more } = await client.pages.read(`rr.ses.${name}.>`, from);
      all.push(...events);
      from = (all.at(-1)?.seq ?? 0) + 1;
      if (!more) return all;
    }
  }
  const countOf = async (type: string): Promise<number> => {
    const info = { subjects_filter: `rr.ses.*.out.${type}` };
    const { state } = await client.jsm.streams.info("RR_SESSIONS", info);
    return Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
  };
  const grows = async (type: string, by: number): Promise<void> => {
    const before = await eventually(() => countOf(type), 100); // the broker may be away
    await eventually(async () => expect(await countOf(type)).toBeGreaterThanOrEqual(before + by), 100);
  };

  for (let fault = 0; fault < FAULTS; fault++) {
    await grows("tool_call", 20);
    const holder = await eventually(async () => {
      const name = await leaseHolder(client.jsm, sessions[fault % SESSIONS]?.name ?? "");
      const found = workers.findIndex((it) => it.name === name);
      expect(found).toBeGreaterThanOrEqual(0);
      return found;
    });
    const victim = workers[holder];
    if (fault % 3 === 0) {
      victim?.stop();
      await grows("owner", 1); // others have by now what it had
      victim?.go();
    } else if (fault % 3 === 1) {
      await victim?.cut();
      workers[holder] = await start(`w${WORKERS + fault}`);
      await grows("owner", 1);
    } else {
      await broker.kill9();
      await broker.restart();
    }
  }
  asking = false;
  const counts = await asked;
  const total = counts.reduce((sum, count) => sum + count, 0);
  await eventually(async () => expect(await countOf("turn_ended")).toBe(total), 100);
  for (const [i, stored] of (await logs()).entries()) {
    const { ended: ends, owners, violations } = sessionVerdict(stored);
    expect(violations).toEqual([]);
    expect(ends.toSorted()).toEqual(
      Array.from({ length: counts[i] ?? 0 }, (_, t) => `s${i} ${t}`).toSorted(),
    );
    expect(owners.length).toBeGreaterThan(0);
  }
  for (const [turn, runs] of ended) expect(runs, turn).toBe(1);
});
