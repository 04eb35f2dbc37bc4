import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { SESSION_PRUNE_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import { put } from "../../../src/shared/session-log/append/put.ts";
import { encodeSessionEnvelope } from "../../../src/shared/session-log/event/session-envelope.ts";
import { watch, type Watched } from "../../../src/shared/session-log/follow/watch.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import { deleteSession } from "../../../src/shared/session-log/registry/delete.ts";
import type { Session } from "../../../src/shared/session-log/registry/entry.ts";
import { keepSessions } from "../../../src/shared/session-log/retention/chore.ts";
import { inSubject } from "../../../src/shared/session-log/subjects.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import {
  agent,
  follower,
  registry,
  sessionsBroker,
  sweeper,
  type Agent,
  type Follower,
  type Registry,
} from "./harness.ts";

let broker: TestBroker;
let ending: AbortController;
let home: Registry;

beforeEach(async () => {
  broker = await sessionsBroker();
  ending = new AbortController();
  home = await registry(broker, ending.signal);
});
afterEach(async () => {
  ending.abort();
  await broker[Symbol.asyncDispose]();
});

const make = async (id: string, kind: "worker" | "pod" = "worker"): Promise<Session> =>
  (await createSession(home, { user: "ann", id, kind, record: {} })).session;

const FULL = { maxAge: 1e12, maxBytes: 1 };
const NEVER = { maxAge: 1e12, maxBytes: 1e12 };

async function subjects(session: Session): Promise<string[]> {
  const { events } = await home.pages.read(`rr.ses.${session.name}.>`, 1);
  return events.map(({ subject }) => subject.split(".").slice(3, 5).join("."));
}

async function push(session: Session, n: number): Promise<void> {
  const { id, name } = session;
  const data = encodeSessionEnvelope({
    id: `p${n}`,
    source: "push",
    kind: "note",
    session: id,
    at: 0,
    body: Buffer.from("{}"),
  });
  const subject = inSubject(name, "push", `p${n}`);
  await put(home, { subject, filter: subject, last: 0, messageId: `${name}.p${n}`, data, urgent: false });
}

async function take(items: AsyncGenerator<Watched, void>, until: Watched["kind"]): Promise<Watched[]> {
  const taken: Watched[] = [];
  for await (const item of items) {
    taken.push(item);
    if (item.kind === until) break;
  }
  return taken;
}

async function turns(of: Agent, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await of.turn(3);
}

test("WATCH-1: a session keeps its last turn and what must not be lost; the rest is removed when it is due, and watchers learn of it", async () => {
  const session = await make("a");
  const other = await make("b");
  const [a, b] = [await agent(broker, session, ending.signal), await agent(broker, other, ending.signal)];
  await turns(a, 3);
  await turns(b, 1);
  const before = await subjects(other);
  expect(await (await sweeper(broker, NEVER, ending.signal)).round()).toEqual({ sessions: 0, events: 0 });
  const sweep = await sweeper(broker, FULL, ending.signal);
  expect(await sweep.round()).toEqual({ sessions: 1, events: 8 });
  expect(await sweep.round()).toEqual({ sessions: 0, events: 0 });
  expect(await subjects(session)).toEqual([
    "in.created",
    "out.turn_ended",
    "out.turn_ended",
    "out.turn_started",
    "out.text",
    "out.text",
    "out.text",
    "out.turn_ended",
  ]);
  expect(await subjects(other)).toEqual(before);
  const reader = await follower(broker, ending.signal);
  const seen = await take(
    watch(reader, { session: session.name, after: { seq: 0 }, signal: ending.signal }),
    "caught_up",
  );
  expect(seen.map(({ kind }) => kind)).toEqual([
    "gap",
    ...Array.from({ length: 8 }, () => "event"),
    "caught_up",
  ]);
  await turns(a, 1); // the owner's condition still holds
  expect(await sweep.round()).toEqual({ sessions: 1, events: 4 });
});

test("a pod's session loses its oldest events, and takes new ones", async () => {
  const session = await make("pod", "pod");
  for (let n = 1; n <= 300; n++) await push(session, n);
  const sweep = await sweeper(broker, FULL, ending.signal);
  expect(await sweep.round()).toEqual({ sessions: 1, events: 256 });
  expect(await subjects(session)).toHaveLength(45);
  await push(session, 301);
  expect(await sweep.round()).toEqual({ sessions: 0, events: 0 });
});

test("a deleted session ends its watchers, is erased, and so is what comes late", async () => {
  const session = await make("a");
  const other = await make("b");
  const owner = await agent(broker, session, ending.signal);
  await turns(owner, 1);
  const reader: Follower = await follower(broker, ending.signal);
  const watching = watch(reader, { session: session.name, after: { seq: 0 }, signal: ending.signal });
  for (let at = await watching.next(); at.value?.kind !== "caught_up";) at = await watching.next();
  const chore = new AbortController();
  const kept = keepSessions({
    nc: await broker.connect("session-prune"),
    inboxPrefix: SESSION_PRUNE_INBOX,
    limits: NEVER,
    clock: systemClock,
    log: silentLogger(),
    signal: chore.signal,
  });
  await deleteSession(home, session);
  expect((await watching.next()).value).toEqual({ kind: "closed", reason: "deleted" });
  expect(await watching.next()).toEqual({ done: true, value: undefined });
  const late = watch(reader, { session: session.name, after: { seq: 0 }, signal: ending.signal });
  expect(await take(late, "closed")).toEqual([{ kind: "closed", reason: "deleted" }]);
  await eventually(async () => expect(await subjects(session)).toEqual([]));
  expect(await owner.writer.append(owner.event("text"))).toMatchObject({ kind: "overtaken" });
  await push(session, 1);
  await (await sweeper(broker, NEVER, ending.signal)).round();
  expect(await subjects(session)).toEqual([]);
  expect(await subjects(other)).toEqual(["in.created"]);
  chore.abort();
  await kept;
});

test("a sweep that ended between the floor and the removal is completed by the next one", async () => {
  const session = await make("a");
  await turns(await agent(broker, session, ending.signal), 2);
  const prune = await broker.connect("session-prune");
  await prune.request(`$KV.RR_SES_STATE.floor.${session.name}`, "6");
  const sweep = await sweeper(broker, FULL, ending.signal);
  expect(await sweep.round()).toEqual({ sessions: 1, events: 4 });
  expect(await (await follower(broker, ending.signal)).leader.floorOf(session.name)).toBe(6);
});
