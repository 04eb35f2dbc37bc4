import { SHARDS } from "../../support/eight-shards.ts";
import { jetstreamManager } from "@nats-io/jetstream";
import { expect, onTestFinished, test } from "vitest";
import { createDeadLetters, type Death } from "../../../src/relay/coordinator/dead-letters.ts";
import { deadLetters, deadLettersOf, findDeadLetter } from "../../../src/shared/log/state/dead-letters.ts";
import { redrive } from "../../../src/shared/log/state/redrive.ts";
import { questionSubject, RECEIPT_SUBJECT } from "../../../src/shared/log/schema/subjects.ts";
import { DEAD_STREAM, EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { openControl } from "../../../src/shared/log/state/control.ts";
import { operatorCli, startOperator } from "../../support/operator.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";
import { eventually } from "../../support/eventually.ts";

async function setUp(sync = true) {
  const broker = await provisioned(await startTestBroker({ sync }));
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const relay = await broker.connect("relay");
  const letters = createDeadLetters(relay, await jetstreamManager(relay, { checkAPI: false }), SHARDS);
  const operator = await broker.connect("operator");
  const jsm = await jetstreamManager(operator, { checkAPI: false });
  return {
    broker,
    jsm,
    nc: operator,
    bury: (id: string, session: string, seq: number, death: Partial<Death> = {}) =>
      letters.put({
        id,
        runner: "r1",
        session,
        kind: "event",
        seq,
        payload: new Uint8Array([1]),
        death: { reason: "no", attempts: 1, ...death },
      }),
    cli: operatorCli(broker),
  };
}

async function reasons(jsm: Awaited<ReturnType<typeof jetstreamManager>>, id: string): Promise<string[]> {
  return (await deadLettersOf(jsm, id)).map(({ reason }) => reason);
}

test("SETTLE-1: an event that dies again keeps both letters and both reasons; what comes again stores none", async () => {
  const { jsm, nc, bury } = await setUp();
  await bury("e1", "s1", 5, { reason: "first" });
  await bury("e1", "s1", 5, { reason: "repeated" });
  await bury("e1", "s1", 9, { reason: "second" });
  // after a crash both come again
  await bury("e1", "s1", 5, { reason: "repeated" });
  await bury("e1", "s1", 9, { reason: "repeated" });
  expect(await reasons(jsm, "e1")).toEqual(["first", "second"]);
  const [first] = await deadLettersOf(jsm, "e1");
  if (first === undefined) throw new Error("no letter");
  await redrive({ nc, jsm }, first); // removes its own letter only
  expect(await reasons(jsm, "e1")).toEqual(["second"]);
  expect((await findDeadLetter(jsm, "e1"))?.origSeq).toBe(9);
});

test("a letter that is redriven twice, as after a crash in between, is in the log once", async () => {
  const { jsm, nc, bury } = await setUp();
  await bury("e1", "s1", 5);
  const letter = await findDeadLetter(jsm, "e1");
  if (letter === undefined) throw new Error("no letter");
  const seq = await redrive({ nc, jsm }, letter);
  expect(await redrive({ nc, jsm }, letter)).toBe(seq);
});

test("deliveries shows what a dead letter says of an event that was pruned", async () => {
  const { bury, cli } = await setUp(false);
  await bury("e1", "s1", 5, { reason: "too long", status: 422, attempts: 2 });
  const { stdout } = await cli("deliveries", "e1", "--json");
  expect(JSON.parse(stdout)).toMatchObject({
    event_id: "e1",
    session: "s1",
    state: "dead",
    reason: "too long",
    status: 422,
    attempts: 2,
    stream_seq: 5,
  });
  expect((await cli("deliveries", "e2")).stderr).toMatch(/^nothing_found: /);
});

test("dead ls shows the first ones and how many more there are; --json streams them all", async () => {
  const { bury, cli, nc } = await setUp(false);
  const control = await openControl(nc, systemClock);
  await Promise.all(Array.from({ length: 700 }, (_, i) => bury(`e${i}`, `s${i % 2}`, i + 1)));
  const listed = await cli("dead", "ls");
  expect(listed.stdout.split("\n")).toHaveLength(1 + 50 + 1 + 1);
  expect(listed.stdout).toMatch(/\ne\d+ .* not informed .*\n/);
  expect(listed.stdout).toMatch(/\n650 more; use --limit N, or --json for all\n$/);
  expect((await cli("dead", "ls", "--session", "s1", "--limit", "2")).stdout).toMatch(
    /^EVENT.*\ne\d+ .*\ne\d+ .*\n348 more/,
  );
  expect((await cli("dead", "ls", "--json")).stdout.trim().split("\n")).toHaveLength(700);
  expect((await cli("dead", "ls", "--limit", "none")).code).toBe(2);
  await bury("e700", "s7", 701, { reason: "Too long", status: 413, answered: true });
  await control.pauseSession("s7", "looking");
  const filtered = await cli("dead", "ls", "--reason", "413 too", "--since", "1h");
  expect(filtered.stdout).toMatch(
    /^EVENT.* EXECUTOR .*\ne700 +s7 \(paused now\) .* 413 +informed .* Too long\n$/,
  );
  expect(JSON.parse((await cli("dead", "ls", "--session", "s7", "--json")).stdout)).toMatchObject({
    id: "e700",
    sessionState: "paused",
  });
  expect((await cli("dead", "ls", "--since", "2100-01-01T00:00:00Z")).stdout).toBe("no such dead letters\n");
  expect((await cli("dead", "redrive", "--reason", "too long", "--dry-run")).stdout).toMatch(
    /^would redrive e700 of s7: Too long\n$/,
  );
});

test("dead drop asks, says what it would do, and removes one, those of a session, or all", async () => {
  const { bury, cli, jsm } = await setUp();
  const left = async (): Promise<string[]> => {
    const ids: string[] = [];
    for await (const { id } of deadLetters(jsm)) ids.push(id);
    return ids.sort();
  };
  for (const [i, session] of ["s1", "s1", "s2", "s3"].entries()) await bury(`e${i}`, session, i + 1);
  const asked = await cli("dead", "drop", "--all");
  expect(asked).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") });
  expect((await cli("dead", "drop", "--all", "e1", "--yes")).code).toBe(2);
  expect((await cli("dead", "drop", "--session", "s1", "--dry-run")).stdout).toBe(
    "would drop e0 of s1\nwould drop e1 of s1\n",
  );
  expect(await left()).toHaveLength(4);
  expect((await cli("dead", "drop", "nobody", "--yes")).stderr).toMatch(/^nothing_found: /);
  expect((await cli("dead", "drop", "e3", "--yes")).stdout).toBe("dropped 1 dead letter\n");
  expect((await cli("dead", "drop", "--reason", "other", "--yes")).stdout).toBe("no such dead letters\n");
  for (const [option, value, code] of [
    ["--reason", "", 2],
    ["--reason", " ", 2],
    ["--since", "", 2],
    ["--session", "", 1],
  ] as const)
    expect((await cli("dead", "drop", option, value, "--yes")).code, `${option} '${value}'`).toBe(code);
  expect((await cli("dead", "drop", "--session", "s1", "--since", "1h", "--yes")).stdout).toBe(
    "dropped 2 dead letters\n",
  );
  expect(await left()).toEqual(["e2"]);
  expect((await cli("dead", "drop", "--all", "--yes")).stdout).toBe("dropped 1 dead letter\n");
  expect((await cli("dead", "drop", "--all", "--yes")).stdout).toBe("no dead letters\n");
});

test("programs get what redrive and drop do as JSON, a line for each event", async () => {
  const { bury, cli } = await setUp();
  for (const [id, session] of [
    ["e1", "s1"],
    ["e2", "s1"],
    ["e3", "s2"],
  ] as const)
    await bury(id, session, Number(id[1]));
  const lines = async (...args: string[]): Promise<unknown[]> => {
    const { stdout } = await cli("dead", ...args, "--json");
    return stdout
      .trim()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as unknown);
  };
  const [e1, e2] = [
    { id: "e1", session: "s1" },
    { id: "e2", session: "s1" },
  ];
  const why = { reason: "no" };
  expect(await lines("redrive", "--session", "s1", "--dry-run")).toEqual([
    { ...e1, ...why },
    { ...e2, ...why },
  ]);
  expect(await lines("redrive", "--session", "s1", "--yes")).toEqual([
    { ...e1, streamSeq: 1 },
    { ...e2, streamSeq: 2 },
  ]);
  expect(await lines("redrive", "--session", "s1", "--yes")).toEqual([]);
  expect(await lines("drop", "--all", "--dry-run")).toEqual([{ id: "e3", session: "s2" }]);
  expect(await lines("drop", "--all", "--yes")).toEqual([{ dropped: 1 }]);
  expect(await lines("drop", "--all", "--yes")).toEqual([{ dropped: 0 }]);
});

test("ORDER-1: a redrive says that later events went before, asks, and keeps the order of several", async () => {
  const { broker, jsm, cli } = await setUp();
  await using coordinator = await startCoordinator();
  coordinator.createSession("s1");
  await using _relay = await startTestRelay(broker, coordinator.url);
  const gateway = await broker.connect("gateway");
  const { append } = createAppender(gateway, "r1");
  const wrong = { timestamp: 1 }; // 422
  const a = await append("s1", { ...wrong, name: "a" });
  const b = await append("s1", { ...wrong, name: "b" });
  await expect
    .poll(async () => (await jsm.streams.info(DEAD_STREAM)).state.messages, { interval: 20 })
    .toBe(2);
  // nothing later was delivered: nothing to say
  expect((await cli("dead", "redrive", "--session", "s1", "--dry-run")).stdout).toMatch(
    new RegExp(`^would redrive ${a.id} .*\\nwould redrive ${b.id} .*\\n$`),
  );
  const c = await append("s1", { name: "c" });
  await eventually(() => expect(coordinator.writes("s1").map(({ key }) => key)).toContain(c.id));
  const asked = await cli("dead", "redrive", "--all");
  expect(asked).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Later events of session s1 were already delivered or are pending"),
  });
  const before = coordinator.writes("s1").length;
  expect((await cli("dead", "redrive", "--all", "--yes")).code).toBe(0);
  await eventually(() => expect(coordinator.writes("s1")).toHaveLength(before + 2));
  expect(
    coordinator
      .writes("s1")
      .slice(before)
      .map(({ key }) => key),
  ).toEqual([a.id, b.id]);
  // refused again: the letters are back, and the receipts of the first attempts still say so
  await expect
    .poll(async () => (await jsm.streams.info(DEAD_STREAM)).state.messages, { interval: 20 })
    .toBe(2);
  const receipt = await gateway.request(
    questionSubject(RECEIPT_SUBJECT, "gw1"),
    JSON.stringify({ id: a.id, seq: a.seq }),
  );
  expect(receipt.json()).toMatchObject({ state: "dead", status: 422 });
  // dropped, they are not taken for delivered: neither by a relay nor, message by message, by the broker alone
  expect((await cli("dead", "drop", "--all", "--yes")).stdout).toBe("dropped 2 dead letters\n");
  expect(JSON.parse((await cli("deliveries", a.id, "--json")).stdout)).toMatchObject({
    state: "dropped",
    reason: expect.any(String),
    asked: "relay",
  });
  // until the next checkpoint of the relay the broker alone does not know that the second one is settled
  await eventually(async () => {
    const tailed = (await cli("tail", "--verdict", "dropped", "--no-follow", "--json")).stdout;
    expect(tailed.trim().split("\n")).toHaveLength(2);
  });
});

test("ORDER-1: a redrive that does not reach the log takes no letter away, also no older one: the next one keeps the order", async () => {
  const { broker, jsm, bury, cli } = await setUp(false);
  await bury("e1", "s1", 5, { reason: "first" });
  await bury("e2", "s1", 7);
  await bury("e1", "s1", 9, { reason: "second" }); // it was redriven alone
  const admin = await jetstreamManager(await broker.connect("admin"), { checkAPI: false });
  const { subjects } = (await admin.streams.info(EVENTS_STREAM)).config;
  await admin.streams.update(EVENTS_STREAM, { subjects: ["rr.ev.>"] });
  expect((await cli("dead", "redrive", "--session", "s1", "--yes")).code).toBe(1);
  expect(await reasons(jsm, "e1")).toEqual(["first", "second"]);
  await admin.streams.update(EVENTS_STREAM, { subjects });
  expect((await cli("dead", "redrive", "--session", "s1", "--yes")).code).toBe(0);
  expect((await jsm.streams.info(DEAD_STREAM)).state.messages).toBe(0);
  const first = await jsm.direct.getMessage(EVENTS_STREAM, { seq: 1 });
  expect(first?.header.get("Nats-Msg-Id")).toBe("redrive-e1-3");
});

test("a redrive finishes although its output is closed, as with `| head`", async () => {
  const { broker, jsm, bury } = await setUp(false);
  for (let i = 1; i <= 200; i++) await bury(`e${i}`, "s1", i);
  const { process: redriving, ended } = startOperator(broker, "dead", "redrive", "--all", "--yes", "--json");
  redriving.stdout?.once("data", () => redriving.stdout?.destroy());
  expect(await ended).toMatchObject({ code: 0, stderr: "" });
  expect((await jsm.streams.info(DEAD_STREAM)).state.messages).toBe(0);
});

test("a redriven event that waits is pending by its first receipt, and delivered afterwards", async () => {
  const { broker, jsm, nc } = await setUp();
  await using coordinator = await startCoordinator();
  coordinator.createSession("s1");
  await using _relay = await startTestRelay(broker, coordinator.url);
  const gateway = await broker.connect("gateway");
  const { append } = createAppender(gateway, "r1");
  coordinator.faults.set([
    { path: "/sessions/s1/events", action: { kind: "status", status: 422, body: { detail: "no" } } },
  ]);
  const { id, seq } = await append("s1", {});
  const state = async (): Promise<string> =>
    (await gateway.request(questionSubject(RECEIPT_SUBJECT, "gw1"), JSON.stringify({ id, seq }))).json<{
      state: string;
    }>().state;
  await expect.poll(state, { interval: 20 }).toBe("dead");
  coordinator.faults.set([{ path: "/sessions/s1/events", action: { kind: "status", status: 503 } }]);
  const letter = await findDeadLetter(jsm, id);
  if (letter === undefined) throw new Error("no letter");
  await redrive({ nc, jsm }, letter);
  expect(await state()).toBe("pending");
  coordinator.faults.clear();
  await expect.poll(state, { interval: 20 }).toBe("delivered");
});
