import { eventSubject } from "../../support/eight-shards.ts";
import { expect, onTestFinished, test } from "vitest";
import { encodeEnvelope } from "../../../src/shared/log/schema/envelope.ts";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { operatorCli, startOperator } from "../../support/operator.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";
import { eventually } from "../../support/eventually.ts";

async function setUp() {
  const broker = await provisioned(await startTestBroker({ sync: false }));
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const gateway = await broker.connect("gateway");
  const { append } = createAppender(gateway, "build-7_ci");
  return { broker, gateway, append, cli: operatorCli(broker) };
}

function linesOf(stdout: string): Record<string, unknown>[] {
  return stdout
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("history: by session, kind, runner, sequence, time and number; bodies as they came", async () => {
  const { append, cli } = await setUp();
  const big = '{"session_id":"s1","event_type":"result","n":12345678901234567890,"x":1.50}';
  await append("s1", { text: "one" });
  await append("s2", { text: "two" });
  await append("s1", { project_dir: "/x" }, { kind: "bind" });
  await append("s1", {}, { body: Buffer.from(big) });
  const tail = async (...args: string[]) => (await cli("tail", "--no-follow", ...args)).stdout;
  const seqs = async (...args: string[]) =>
    linesOf(await tail("--json", ...args)).map(({ stream_seq }) => stream_seq);
  expect(await seqs()).toEqual([1, 2, 3, 4]);
  expect(await seqs("--session", "s1")).toEqual([1, 3, 4]);
  expect(await seqs("--kind", "event", "--last", "2")).toEqual([2, 4]);
  expect(await seqs("--from-seq", "3")).toEqual([3, 4]);
  expect(await seqs("--since", "1h", "--runner", "build-7_ci")).toEqual([1, 2, 3, 4]);
  expect(await seqs("--runner", "another")).toEqual([]);
  expect(await seqs("--since", "2099-01-01")).toEqual([]);
  expect(await tail("--json", "--last", "1")).toContain(`"body":${big}`);
  const shown = (await tail()).split("\n");
  expect(shown[0]).toMatch(/^\d{4}-\d\d-\d\d UTC$/);
  expect(shown[1]).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3}Z {2}s1 {2}1 {2}event {2}message {2}\{"n":1,"text":"one"\}$/,
  );
  expect(shown[3]).toMatch(/ s1 {2}3 {2}bind {2}\{"project_dir":"\/x"\}$/);
  expect(await tail("--body", "--last", "1")).toContain('result\n  {\n    "session_id": "s1",');
  const refused = await cli("tail", "--since", "1h", "--last", "3");
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("cannot be combined") });
});

test("verdicts and deliveries: by a relay, and as far as the broker knows without one", async () => {
  const { broker, append, cli } = await setUp();
  await using coordinator = await startCoordinator();
  coordinator.createSession("s1");
  const poisoned = { kind: "status", status: 422, body: { detail: "no such field" } } as const;
  coordinator.faults.set([{ body: "poison", action: poisoned }]);
  const relay = await startTestRelay(broker, coordinator.url);
  const fine = await append("s1", { text: "fine" });
  const poison = await append("s1", { text: "poison" });
  const states = async (...args: string[]) =>
    linesOf((await cli("deliveries", "--json", ...args)).stdout).map(
      ({ state, asked }) => `${String(asked)} ${String(state)}`,
    );
  await eventually(async () =>
    expect(await states("--session", "s1")).toEqual(["relay delivered", "relay dead"]),
  );
  // the last dead one, though a delivered one came after it: the number counts what is shown
  coordinator.createSession("s9");
  await append("s9", { text: "after" });
  await eventually(async () => expect(await states("--session", "s9")).toEqual(["relay delivered"]));
  // `tail` asks the broker alone, whose checkpoint may be a second old
  await eventually(async () => {
    const lastDead = await cli("tail", "--no-follow", "--json", "--verdict", "dead", "--last", "1");
    expect(linesOf(lastDead.stdout)).toMatchObject([{ stream_seq: poison.seq, verdict: "dead" }]);
  });
  await coordinator.stop();
  const waits = await append("s1", { text: "waits" });
  expect(await states("--session", "s1", "--last", "2")).toEqual(["relay dead", "relay pending"]);
  expect(linesOf((await cli("deliveries", poison.id, "--json")).stdout)).toEqual([
    expect.objectContaining({
      event_id: poison.id,
      state: "dead",
      reason: "no such field",
      status: 422,
      attempts: 1,
    }),
  ]);
  expect((await cli("deliveries", fine.id)).stdout).toMatch(/^event +ev.*\nstate +delivered\nsession +s1\n/);
  await relay.close();
  await eventually(async () =>
    expect(await states("--session", "s1")).toEqual(["broker delivered", "broker dead", "broker pending"]),
  );
  const table = (await cli("deliveries", "--session", "s1")).stdout;
  expect(table).toMatch(/ +2 +dead +event .* no such field\n.*pending.*\nno relay answers; /);
  const dead = (await cli("tail", "--no-follow", "--verdict", "dead")).stdout;
  expect(dead).toMatch(/ s1 {2}2 {2}event {2}dead {2}message {2}no such field {2}\{/);
  const pending = linesOf((await cli("tail", "--no-follow", "--verdict", "pending", "--json")).stdout);
  expect(pending).toEqual([expect.objectContaining({ id: waits.id, verdict: "pending" })]);
  const [none, wrong, both] = await Promise.all([
    cli("deliveries", "never-0"),
    cli("deliveries", poison.id, "--seq", "1"),
    cli("deliveries"),
  ]);
  expect(none).toMatchObject({ code: 1, stderr: expect.stringMatching(/^nothing_found: /) });
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/^nothing_found: /) });
  expect(both).toMatchObject({ code: 2, stderr: expect.stringMatching(/^usage: /) });
});

test("live: what comes, through a restart of the broker, until Ctrl-C", async () => {
  const { broker, append } = await setUp();
  await append("s1", { text: "before" });
  const { process: child, ended } = startOperator(broker, "tail", "--json");
  let out = "";
  let err = "";
  child.stdout?.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (err += chunk.toString()));
  await eventually(() => expect(linesOf(out)).toHaveLength(1));
  await append("s2", { text: "now" });
  await eventually(() => expect(linesOf(out)).toHaveLength(2));
  await broker.kill9();
  await eventually(() => expect(err).toContain("log_unreachable"));
  await broker.restart();
  await eventually(async () => append("s2", { text: "after" }));
  await eventually(() => expect(linesOf(out).at(-1)?.["body"]).toMatchObject({ text: "after" }));
  child.kill("SIGINT");
  expect((await ended).code).toBe(0);
});

test("a newer schema stops it and is named; what is none of ours is said; hostile names cannot drive the terminal", async () => {
  const { gateway, append, cli } = await setUp();
  const put = (session: string, payload: Uint8Array) =>
    gateway.request(eventSubject("r", session, "event"), payload, { timeout: 20_000 });
  await put("s\u001b[2J\u202e", new Uint8Array([1]));
  const garbage = await cli("tail", "--no-follow");
  expect(garbage).toMatchObject({ code: 0, stderr: "" });
  expect(garbage.stdout).toMatch(/ s\\u001b\[2J\\u202e {2}1 {2}event {2}the payload is not an envelope\n$/);
  await append("s1");
  const newer = {
    v: 2,
    id: "x",
    kind: "event",
    session: "s1",
    runner: "r",
    epoch: "e",
    seq: 1,
    at: 1,
    type: "t",
    body: new Uint8Array(),
  } as const;
  await put("s1", encodeEnvelope({ ...newer }));
  expect(await cli("tail", "--no-follow")).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^schema_newer: event 3: /),
  });
});
