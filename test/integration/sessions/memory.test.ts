import { afterAll, beforeAll, expect, test } from "vitest";
import type { Agent } from "../../../src/agents/agent.ts";
import { startWorker, type Worker } from "../../../src/worker/worker.ts";
import { anyFolder } from "../../support/agent-home.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestServe, type TestServe } from "../../support/serve.ts";
import { sessionsBroker, workerHome } from "../session-log/harness.ts";

let broker: TestBroker;
let serve: TestServe;
let worker: Worker;
const stop = new AbortController();

/** Keeps what it remembers between two words. */
const remembering: Agent = {
  async run(_turn, events) {
    for (let i = 0; i < 6; i++) {
      await events.archive?.add({ runner: "r", thread: "t", text: `memory ${i}` });
      if (i % 2 === 0) events.tell("status", { i });
    }
    return { outcome: "finished" };
  },
};

beforeAll(async () => {
  broker = await sessionsBroker();
  serve = await startTestServe(broker);
  const home = await workerHome(broker, stop.signal);
  worker = startWorker(home, { name: "w1", ...anyFolder(remembering), maxBytes: 64 * 1024 * 1024 });
});
afterAll(async () => {
  await worker?.stop();
  stop.abort();
  await serve?.close();
  await broker?.[Symbol.asyncDispose]();
});

test("what an agent's back end remembers is in no page, forward or backward, and takes no place in them", async () => {
  const { call } = serve;
  const { json: made } = await call("POST", "/sessions", {});
  const id = made.session_id;
  await call("POST", `/sessions/${id}/turns`, { user_input: "remember", client_turn_id: "t" });
  await eventually(async () => {
    const { json } = await call("GET", `/sessions/${id}/turns/t`);
    expect(json.ended_at).toEqual(expect.any(String));
  });
  const { json: all } = await call("GET", `/sessions/${id}/events`);
  const types = all.events.map(({ type }: { type: string }) => type);
  expect(types).toEqual([
    "created",
    "turn",
    "owner",
    "turn_started",
    ...Array.from({ length: 3 }, () => "status"),
    "turn_ended",
  ]);
  const owned = all.events.filter(({ n }: { n?: number }) => n !== undefined);
  expect(owned.map(({ n }: { n: number }) => n)).toEqual([1, 2, 3, 4, 5, 6]);
  for (const limit of [1, 3]) {
    const forward: string[] = [];
    const backward: string[] = [];
    for (let after = "0"; forward.length < types.length;) {
      const { json } = await call("GET", `/sessions/${id}/events?after=${after}&limit=${limit}`);
      expect(json.events.length).toBeGreaterThan(0);
      forward.push(...json.events.map(({ type }: { type: string }) => type));
      after = json.next;
    }
    for (let before = `${all.last + 1}`; before !== null;) {
      const { json } = await call("GET", `/sessions/${id}/events?before=${before}&limit=${limit}`);
      backward.unshift(...json.events.map(({ type }: { type: string }) => type));
      before = json.next;
    }
    expect(forward).toEqual(types);
    expect(backward).toEqual(types);
  }
});
