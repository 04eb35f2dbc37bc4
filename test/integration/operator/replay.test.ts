import { eventSubject } from "../../support/eight-shards.ts";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { expect, onTestFinished, test } from "vitest";
import { findDeadLetter } from "../../../src/shared/log/state/dead-letters.ts";
import { HEADER, UPSTREAM_HEADER } from "../../../src/shared/base/headers.ts";
import { EVENTS_STREAM, stateKey } from "../../../src/shared/log/schema/topology.ts";
import { readState } from "../../../src/shared/log/state/state-store.ts";
import { walk } from "../../../src/shared/log/follow/walk.ts";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { operatorCli, startOperator } from "../../support/operator.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";
import { eventually } from "../../support/eventually.ts";

async function setUp() {
  const broker = await provisioned(await startTestBroker());
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const coordinator = await startCoordinator();
  onTestFinished(() => coordinator[Symbol.asyncDispose]());
  const relay = await startTestRelay(broker, coordinator.url);
  onTestFinished(() => relay[Symbol.asyncDispose]());
  const { append } = createAppender(await broker.connect("gateway"), "r1");
  const jsm = await jetstreamManager(await broker.connect("operator"), { checkAPI: false });
  return { broker, coordinator, relay, append, jsm, cli: operatorCli(broker) };
}

async function replays(jsm: JetStreamManager) {
  const found: { seq: number; of: string; run: string; id: string; subject: string }[] = [];
  for await (const { seq, subject, header } of walk(jsm, EVENTS_STREAM, "rr.replay.>")) {
    const [of, run, id] = [header.get(HEADER.replayOf), header.get(HEADER.replayRun), header.get(HEADER.id)];
    found.push({ seq, of, run, id, subject });
  }
  return found;
}

test("a replay sends the selected events again, and no others: with their old keys and a mark, through the lanes", async () => {
  const { coordinator, append, jsm, cli } = await setUp();
  for (const session of ["s1", "s2"]) coordinator.createSession(session);
  const sent: { id: string; seq: number }[] = [];
  for (let n = 0; n < 4; n++) {
    sent.push(await append("s1", { n }, { answer: "_INBOX_gw.gw1.gone" }));
    await append("s2", { n });
  }
  await expect.poll(() => coordinator.writes(), { interval: 20 }).toHaveLength(8);
  await eventually(async () => {
    const dry = await cli("replay", "--session", "s1", "--from-seq", "2", "--dry-run"); // the relay may not have read the last answer yet
    expect(dry.stdout).toMatch(
      /^SESSION +BIND +EVENT .*\ns1 +0 +3 .*\nwould send 3 events of 1 session, sequences 3 /,
    );
  });
  expect((await cli("replay", "--session", "s1")).stderr).toMatch(
    /Send 4 events of 1 session again, at 250\/s\?/,
  );
  expect((await cli("replay")).code).toBe(2);
  expect((await cli("replay", "--since", "soon")).code).toBe(2);
  expect((await replays(jsm)).length).toBe(0);

  const done = await cli("replay", "--session", "s1", "--from-seq", "2", "--yes", "--json");
  expect(JSON.parse(done.stdout)).toMatchObject({ state: "done", sent: 3, leftOut: { waiting: 0 } });
  const { run } = JSON.parse(done.stdout) as { run: string };
  await expect.poll(() => coordinator.writes(), { interval: 20 }).toHaveLength(11);
  const again = coordinator.writes().slice(8);
  expect(again.map(({ key }) => key)).toEqual(sent.slice(1).map(({ id }) => id));
  expect(again.map(({ headers = {} }) => headers[UPSTREAM_HEADER.replay])).toEqual(
    sent.slice(1).map(({ seq }) => `${EVENTS_STREAM}:${seq}`),
  );
  expect(coordinator.writes()[0]?.headers).not.toHaveProperty(UPSTREAM_HEADER.replay);
  expect(await replays(jsm)).toEqual(
    sent.slice(1).map(({ id, seq }) => ({
      seq: expect.any(Number),
      of: `${EVENTS_STREAM}:${seq}`,
      run,
      id: `replay-${run}-${id}`,
      subject: eventSubject("r1", "s1", "event", "replay"),
    })),
  );
  // another run repeats the originals, not the repetitions
  expect(
    JSON.parse((await cli("replay", "--session", "s1", "--since", "1h", "--yes", "--json")).stdout),
  ).toMatchObject({ sent: 4 });
  expect((await cli("replay", "--session", "s1", "--until", "1h", "--yes")).stdout).toMatch(
    /: 0 events sent again/,
  );
  expect((await cli("replay", "--resume", run)).stdout).toBe(`run ${run} is done\n`);
  expect((await cli("replay", "--resume", "nobody")).stderr).toMatch(/^nothing_found: /);
  expect((await cli("replay", "--resume", run, "--session", "s1")).code).toBe(2);
});

test("binds of finished sessions, run reports and what waits are left out, and said", async () => {
  const { coordinator, append, cli } = await setUp();
  coordinator.createSession("s1");
  coordinator.faults.set([
    { path: "^/runner/", action: { kind: "status", status: 200, body: { ok: true } } },
  ]);
  const bind = { executor_session_id: "x", hostname: "h", executor_profile: "p" };
  const report = (name: string) => ({ kind: "run" as const, run: { id: "run1", report: name } });
  await append("s1", bind, { kind: "bind" });
  await append("s1", {});
  await append("s1", { runner_id: "r" }, report("completed"));
  const preview = async (...more: string[]) => {
    const { stdout } = await cli("replay", "--session", "s1", "--dry-run", "--json", ...more);
    return JSON.parse(stdout) as { send: number; leftOut: Record<string, number>; sessions: object[] };
  };
  await eventually(async () =>
    expect(await preview()).toMatchObject({ send: 1, leftOut: { binds: 1, runReports: 1, waiting: 0 } }),
  );
  expect(await preview("--include-binds")).toMatchObject({
    send: 2,
    sessions: [{ session: "s1", bind: 1, event: 1 }],
  });
  // a resume binds it again: that one is the relay's to judge
  await append("s1", bind, { kind: "bind" });
  await eventually(async () =>
    expect(await preview("--kind", "bind")).toMatchObject({ send: 1, leftOut: { binds: 1 } }),
  );
  await coordinator.stop();
  await append("s1", {});
  expect(await preview("--kind", "event")).toMatchObject({ send: 1, leftOut: { waiting: 1 } });
});

test("a dead letter is not sent again into its refusal; redriven and delivered, it is an event like others", async () => {
  const { coordinator, append, jsm, cli } = await setUp();
  coordinator.createSession("s1");
  coordinator.faults.set([
    { path: "/events$", body: "poison", action: { kind: "status", status: 422, body: { detail: "no" } } },
  ]);
  const ids = [
    (await append("s1", {})).id,
    (await append("s1", { text: "poison" })).id,
    (await append("s1", {})).id,
  ];
  await expect.poll(() => findDeadLetter(jsm, ids[1] ?? ""), { interval: 20 }).toBeDefined();
  await expect.poll(() => coordinator.writes(), { interval: 20 }).toHaveLength(3);
  const replayed = async () => {
    const { stdout } = await cli("replay", "--session", "s1", "--yes", "--json");
    return JSON.parse(stdout) as { sent: number; leftOut: Record<string, number> };
  };
  await eventually(async () =>
    expect(await replayed()).toMatchObject({ sent: 2, leftOut: { dead: 1, waiting: 0 } }),
  );
  coordinator.faults.clear();
  await cli("dead", "redrive", ids[1] ?? "", "--yes");
  await expect.poll(() => findDeadLetter(jsm, ids[1] ?? ""), { interval: 20 }).toBeUndefined();
  await eventually(async () =>
    expect(await replayed()).toMatchObject({ sent: 3, leftOut: { dead: 0, waiting: 0 } }),
  );
});

test("ONCE-1, ORDER-1: Ctrl-C in the middle of a replay; resumed, every event is in the log once more, in order, with its old key", async () => {
  const { broker, coordinator, append, jsm, cli } = await setUp();
  const sessions = ["s1", "s2", "s3"];
  for (const session of sessions) coordinator.createSession(session);
  const ids: string[] = [];
  for (let n = 0; n < 240; n++) ids.push((await append(sessions[n % 3] ?? "", { n })).id);
  await eventually(() => expect(coordinator.writes()).toHaveLength(240));
  const first = startOperator(broker, "replay", "--from-seq", "1", "--rate", "200/s", "--yes", "--json");
  await eventually(async () =>
    expect((await jsm.streams.info(EVENTS_STREAM)).state.messages).toBeGreaterThan(280),
  );
  first.process.kill("SIGINT");
  const interrupted = await first.ended;
  expect(interrupted.code).toBe(130);
  const { run, sent, state } = JSON.parse(interrupted.stdout) as { run: string; sent: number; state: string };
  expect(state).toBe("interrupted");
  expect(sent).toBeLessThan(240);
  expect(interrupted.stderr).toMatch(new RegExp(`^to continue: .*runner-relay replay --resume ${run}\n$`));
  expect(await replays(jsm)).toHaveLength(sent);

  // killed without a word, a while after its state was written last
  const second = startOperator(broker, "replay", "--resume", run, "--rate", "200/s", "--yes");
  await eventually(async () => expect((await replays(jsm)).length).toBeGreaterThan(sent + 30));
  second.process.kill("SIGKILL");
  await second.ended;
  const { stderr } = await cli("replay", "--resume", "forgotten"); // a killed one cannot say its name
  expect(stderr).toContain(`nothing_found: no replay forgotten is known; not done yet: ${run} (`);
  const done = await cli("replay", "--resume", run, "--yes", "--json");
  expect(JSON.parse(done.stdout)).toMatchObject({ run, state: "done", sent: 240 });
  expect((await replays(jsm)).map(({ of }) => of)).toEqual(ids.map((_, i) => `${EVENTS_STREAM}:${i + 1}`));
  await eventually(() => expect(coordinator.writes()).toHaveLength(480));
  for (const [i, session] of sessions.entries()) {
    const keys = ids.filter((_, n) => n % 3 === i);
    expect(coordinator.writes(session).map(({ key }) => key)).toEqual([...keys, ...keys]);
  }
  const kept = await readState(jsm, stateKey.replay(run));
  expect(JSON.parse(Buffer.from(kept?.value ?? []).toString())).toMatchObject({ state: "done", sent: 240 });
});
