import { jetstreamManager } from "@nats-io/jetstream";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Agent } from "../../../src/agents/agent.ts";
import { agentOf } from "../../../src/agents/conduct.ts";
import { echoRunner } from "../../../src/agents/echo.ts";
import { leaseHolder } from "../../../src/shared/session-log/ownership/lease.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import type { Session } from "../../../src/shared/session-log/registry/entry.ts";
import { cancelTurn, requestTurn } from "../../../src/shared/session-log/turns/request.ts";
import { unfinishedSessions } from "../../../src/shared/session-log/turns/unfinished.ts";
import { pauseTurns, resumeTurns } from "../../../src/shared/session-log/state/pause.ts";
import { startWorker, type Worker } from "../../../src/worker/worker.ts";
import { anyFolder } from "../../support/agent-home.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { registry, sessionsBroker, workerHome, type Registry } from "../session-log/harness.ts";

let broker: TestBroker;
let ending: AbortController;
let client: Registry;

beforeEach(async () => {
  broker = await sessionsBroker();
  ending = new AbortController();
  client = await registry(broker, ending.signal);
});
afterEach(async () => {
  ending.abort();
  await broker[Symbol.asyncDispose]();
});

const make = async (id: string, kind: "worker" | "pod" = "worker"): Promise<Session> =>
  (await createSession(client, { user: "ann", id, kind, record: { workspace_dir: `/w/${id}` } })).session;
const ask = (session: Session, turn: string): Promise<unknown> =>
  requestTurn(client, session, turn, Buffer.from('{"user_input":"hello"}'));

async function start(
  name: string,
  agent: Agent = agentOf(echoRunner()),
  idleMs = 60_000,
): Promise<Worker & { cut: () => Promise<void> }> {
  const deps = await workerHome(broker, ending.signal);
  const worker = startWorker(deps, { name, ...anyFolder(agent), idleMs, maxBytes: 1e9 });
  return { ...worker, cut: () => deps.nc.close() };
}

const outcomes = async (): Promise<number> => {
  const { state } = await client.jsm.streams.info("RR_SESSIONS", {
    subjects_filter: "rr.ses.*.out.turn_ended",
  });
  return Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
};

/** An agent that runs until it is ended. */
const endless = (begun: string[]): Agent => ({
  async run({ session, turn }, _, signal) {
    begun.push(`${session.id} ${turn} ${session.workspace}`);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return { outcome: "finished" };
  },
});

test("turns from before the start and from after it are run, by one of several workers; pods are left alone", async () => {
  const [a, b, pod] = [await make("a"), await make("b"), await make("pod", "pod")];
  await ask(a, "1");
  await ask(pod, "1");
  expect(await unfinishedSessions(client.jsm)).toEqual(expect.arrayContaining([a.name, pod.name]));
  await Promise.all(["w1", "w2"].map((name) => start(name)));
  await eventually(async () => expect(await outcomes()).toBe(1));
  for (let i = 2; i < 6; i++) for (const session of [a, b]) await ask(session, String(i));
  await eventually(async () => expect(await outcomes()).toBe(9));
  expect(await unfinishedSessions(client.jsm)).toEqual([pod.name]);
});

test("a session in which nothing happens is given back, and taken again", async () => {
  const a = await make("a");
  await start("w1", agentOf(echoRunner()), 50);
  await ask(a, "1");
  await eventually(async () => expect(await outcomes()).toBe(1));
  await eventually(async () => expect(await leaseHolder(client.jsm, a.name)).toBeUndefined());
  await ask(a, "2");
  await eventually(async () => expect(await outcomes()).toBe(2));
});

test("OWNER-1: what a worker had that died is run by another one, and the session's folder is named to the agent", async () => {
  const a = await make("a");
  const [old, next] = [new Array<string>(), new Array<string>()];
  const first = await start("w1", endless(old));
  await ask(a, "1");
  await ask(a, "2");
  await eventually(() => expect(old).toEqual(["a 1 /w/a"]));
  await start("w2", endless(next));
  await first.cut();
  await eventually(() => expect(next).toEqual(["a 2 /w/a"]));
  expect(await outcomes()).toBe(1);
});

test("a worker that stops says what it left, and the next one begins at once", async () => {
  const a = await make("a");
  const [old, next] = [new Array<string>(), new Array<string>()];
  const first = await start("w1", endless(old));
  await ask(a, "1");
  await eventually(() => expect(old).toHaveLength(1));
  await first.stop();
  expect(await outcomes()).toBe(1);
  expect(await leaseHolder(client.jsm, a.name)).toBeUndefined();
  const second = await start("w2", endless(next));
  await ask(a, "2");
  await eventually(() => expect(next).toHaveLength(1));
  await second.stop();
});

test("while an operator pauses turns none begins, and what is cancelled ends; then they run", async () => {
  const begun: string[] = [];
  const agent: Agent = {
    run({ session, turn }) {
      begun.push(`${session.id} ${turn}`);
      return Promise.resolve({ outcome: "finished" });
    },
  };
  const operator = await broker.connect("operator");
  const jsm = await jetstreamManager(operator, { checkAPI: false });
  const pausing = { nc: operator, jsm, clock: client.clock };
  expect(await pauseTurns(pausing, { text: "update" })).toMatchObject({ text: "update" });
  const [a, b] = [await make("a"), await make("b")];
  for (const session of [a, b]) await ask(session, "1");
  await start("w1", agent);
  await cancelTurn(client, b, "1");
  await eventually(async () => expect(await outcomes()).toBe(1));
  await ask(a, "2");
  await eventually(async () => expect(await kinds(a)).toContain("owner")); // it was looked at, and left
  await eventually(async () => expect(await leaseHolder(client.jsm, a.name)).toBeUndefined());
  expect(begun).toEqual([]);
  expect(await resumeTurns(pausing)).toBe(true);
  expect(await resumeTurns(pausing)).toBe(false);
  await eventually(() => expect(begun).toEqual(["a 1", "a 2"]));
});

const kinds = async ({ name }: Session): Promise<(string | undefined)[]> =>
  (await client.pages.read(`rr.ses.${name}.out.>`, 1)).events.map(({ subject }) => subject.split(".").at(-1));
