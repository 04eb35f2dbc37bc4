import { jetstreamManager } from "@nats-io/jetstream";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Line } from "../../../src/shared/messages/checks/line.ts";
import type { StatusJson } from "../../../src/operate/status-json.ts";
import { changeMetadata } from "../../../src/shared/session-log/registry/change.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import { findSession } from "../../../src/shared/session-log/registry/find.ts";
import { deleteSession } from "../../../src/shared/session-log/registry/delete.ts";
import { encodeSession, type Session } from "../../../src/shared/session-log/registry/entry.ts";
import { writeKey } from "../../../src/shared/session-log/state/bucket.ts";
import { keyOf, keySubject } from "../../../src/shared/session-log/state/keys.ts";
import { checkIndex } from "../../../src/shared/session-log/report/index-check.ts";
import { decide, requestTurn } from "../../../src/shared/session-log/turns/request.ts";
import type { TestBroker } from "../../support/broker.ts";
import { runCommand } from "../../support/command.ts";
import { eventually } from "../../support/eventually.ts";
import { operatorEnv, startOperator } from "../../support/operator.ts";
import { agent, registry, sessionsBroker, type Registry } from "../session-log/harness.ts";

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

const make = async (id: string): Promise<Session> =>
  (await createSession(home, { user: "ann", id, kind: "worker", record: {} })).session;

const ask = (session: Session, turn: string): Promise<unknown> =>
  requestTurn(home, session, turn, Buffer.from("{}"));

async function run(args: string[], env = operatorEnv(broker)): Promise<string> {
  const { stdout, stderr } = await runCommand(args, { env });
  if (stdout === "") throw new Error(stderr);
  return stdout;
}

const status = async (): Promise<StatusJson["agentSessions"]> =>
  (JSON.parse(await run(["status", "--json"])) as StatusJson).agentSessions;

const said = async (check: string, ...more: string[]): Promise<string[]> =>
  (JSON.parse(await run(["doctor", "--json", ...more])) as Line[])
    .filter((line) => line.check.includes(check))
    .map(({ level, text, todo }) => [level, text, todo].filter((it) => it !== undefined).join(" | "));

test("status: the log, turns that run and wait, open questions, workers; doctor: turns without a worker", async () => {
  expect(await status()).toMatchObject({
    kind: "there",
    log: { messages: 0 },
    turns: { running: 0, waiting: 0 },
    workers: [],
  });
  const [busy, idle] = [await make("busy"), await make("idle")];
  for (const turn of ["t1", "t2"]) await ask(busy, turn);
  await ask(idle, "t1");
  const { writer, event } = await agent(broker, busy, ending.signal);
  await writer.append(event("turn_started", "t1"));
  for (const request_id of ["q1", "q2"])
    await writer.append(event("permission_request", "t1", { request_id }));
  await decide(home, busy, "q1", { allow: true });
  expect(await said("workers")).toEqual([
    expect.stringMatching(
      /^warn \| none is running, and 3 turns wait for one \| start `runner-relay .*worker`/,
    ),
  ]);
  const nc = await broker.connect("worker");
  for (const root of ["r1", "r2"])
    await writeKey(nc, { key: keyOf.root(root), value: Buffer.from('{"worker":"w1"}'), ttlSeconds: 45 });
  const now = await status();
  expect(now).toMatchObject({
    log: { messages: 9, maxBytes: expect.any(Number), lastSeq: 9 },
    turns: { running: 1, waiting: 2 },
    questions: 1,
    workers: ["w1"],
    complete: true,
  });
  const text = await run(["status"]);
  expect(text).toMatch(
    /^AGENT SESSIONS\nlog {6}9 events, .*, sequences 1 to 9\nturns {4}1 running, 2 waiting, 1 open question\nworkers {2}w1$/m,
  );
  expect(await said("workers")).toEqual(["ok | w1"]);
});

test("doctor names sessions that the index lacks, and --fix enters them, with their metadata", async () => {
  const [a, b] = [await make("a"), await make("b")];
  await deleteSession(home, await make("gone"));
  const changed = await changeMetadata(home, a, () => ({ colour: "red" }));
  const admin = await jetstreamManager(await broker.connect("admin"), { checkAPI: false });
  await admin.streams.purge("KV_RR_SES_STATE", { filter: keySubject("index.>") });
  expect(await said("index of sessions"), "it may just be entered").toEqual([
    "ok | 2 sessions, as the log has them",
  ]);
  await writeKey(home.nc, { key: keyOf.index("ann", "c"), value: encodeSession(await make("c")) });
  const operator = await jetstreamManager(await broker.connect("operator"), { checkAPI: false });
  const lost = async (): Promise<string[]> =>
    (await checkIndex(operator, 0)).lost.map(({ id }) => id).toSorted();
  expect(await lost()).toEqual(["a", "b"]);
  const refused = await said("fixed", "--fix");
  expect(refused).toEqual([expect.stringMatching(/^fail \| .* \| with a broker of your own, set NATS_USER/)]);
  const { user = "", password = "" } = broker.access("serve");
  const serve = { NATS_URL: broker.url, NATS_USER: user, NATS_PASSWORD: password };
  expect(await run(["doctor", "--fix"], serve)).toMatch(
    /^ok {4}index of sessions, fixed: 2 sessions entered$/m,
  );
  expect(await findSession(home.jsm, "ann", "a")).toEqual({ kind: "there", session: changed });
  expect(await findSession(home.jsm, "ann", "b")).toEqual({ kind: "there", session: b });
  expect(await run(["doctor", "--fix"], serve)).toMatch(
    /^ok {4}index of sessions, fixed: 0 sessions entered$/m,
  );
});

test("tail --sessions: who said what, by session, from a place, and new events as they come", async () => {
  const busy = await make("busy");
  await make("other");
  await ask(busy, "t1");
  const { writer, event } = await agent(broker, busy, ending.signal);
  await writer.append(event("turn_started", "t1"));
  await writer.append(event("text", "t1", { text: "Hello there" }));
  const tail = (...args: string[]): Promise<string> => run(["tail", "--sessions", "--no-follow", ...args]);
  const seqs = async (...args: string[]): Promise<unknown[]> =>
    (await tail("--json", ...args))
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { seq: number }).seq);
  const lines = (await tail()).trim().split("\n");
  expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\d UTC$/);
  const told = lines
    .filter((line) => !line.endsWith(" UTC"))
    .map((line) => line.slice("00:00:00.000Z  ".length));
  expect(told).toEqual([
    expect.stringMatching(/^busy {2}1 {2}created {2}\{/),
    expect.stringMatching(/^other {2}2 {2}created {2}\{/),
    "busy   3  turn  t1",
    "busy   4  turn_started  t1",
    "busy   5  text  t1  Hello there",
  ]);
  expect(await seqs("--session", "busy")).toEqual([1, 3, 4, 5]);
  expect(await seqs("--session", "busy", "--last", "2")).toEqual([4, 5]);
  expect(await seqs("--from-seq", "4")).toEqual([4, 5]);
  expect(await seqs("--since", "1h", "--session", "other", "--user", "ann")).toEqual([2]);
  expect(await tail("--last", "1", "--body")).toContain('text  t1\n  {\n    "text": "Hello there"\n  }');
  await createSession(home, { user: "bob", id: "busy", kind: "worker", record: {} });
  await expect(tail("--session", "busy")).rejects.toThrow(
    /^usage: several users have a session busy; name one with --user: /,
  );
  await expect(tail("--session", "none")).rejects.toThrow("nothing_found: there is no agent session none");
  await expect(tail("--kind", "event")).rejects.toThrow(/^usage: --kind, --runner and --verdict/);
  const follow = startOperator(broker, "tail", "--sessions", "--json", "--last", "1");
  let shown = "";
  follow.process.stdout?.on("data", (chunk: Buffer) => (shown += chunk.toString()));
  await eventually(() => expect(shown).toContain('"type":"created"'));
  await writer.append(event("text", "t1", { text: "and more" }));
  await eventually(() => expect(shown).toContain("and more"));
  follow.process.kill("SIGINT");
  expect(await follow.ended).toMatchObject({ code: 0, stderr: "" });
});

test("pause and resume hold the turns of agent sessions too, or only those", async () => {
  const note = "workers begin no turn of agent sessions within a second; what runs goes on\n";
  expect(await run(["pause", "--turns", "--text", "update"])).toBe(note);
  expect(await run(["status"])).toMatch(
    /^PAUSED {3}no turn begins; by an operator \(.+@.+\) since .* UTC \(\d+s\): update$/m,
  );
  expect(await said("turns")).toEqual([
    expect.stringMatching(/^warn \| 0 running, 0 waiting; none begins, an operator/),
  ]);
  expect((await status()) as object).toMatchObject({
    paused: { text: "update", by: expect.stringContaining("@") },
  });
  expect(await run(["resume", "--turns"])).toBe("turns resumed\n");
  await expect(run(["resume", "--turns"])).rejects.toThrow("nothing_found: turns are not paused");
  expect(await run(["pause", "--yes"])).toMatch(
    /^everything is paused; no relay answers.*\nworkers begin no turn/,
  );
  expect(await status()).toHaveProperty("paused");
  await run(["resume"]);
  expect(await status()).not.toHaveProperty("paused");
  expect(JSON.parse(await run(["pause", "--yes", "--json"]))).toMatchObject({
    action: "pause",
    turns: "paused",
  });
  await expect(run(["pause", "--turns", "--session", "a"])).rejects.toThrow(/^usage: /);
});
