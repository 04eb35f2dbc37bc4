import { jetstreamManager } from "@nats-io/jetstream";
import { expect, onTestFinished, test } from "vitest";
import { digestOf, type Holdings } from "../../../src/shared/messages/holdings.ts";
import { HOLDINGS_SUBJECT } from "../../../src/shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator, type FaultAction } from "../../support/coordinator.ts";
import { operatorCli } from "../../support/operator.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";
import { eventually } from "../../support/eventually.ts";

async function setUp(token?: string) {
  const broker = await provisioned(await startTestBroker());
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const coordinator = await startCoordinator(token === undefined ? {} : { token });
  onTestFinished(() => coordinator[Symbol.asyncDispose]());
  const relay = await startTestRelay(broker, coordinator.url, {
    env: token === undefined ? {} : { AGENT_ORCHESTRATOR_API_KEY: token },
  });
  onTestFinished(() => relay[Symbol.asyncDispose]());
  const { append } = createAppender(await broker.connect("gateway"), "r1");
  return { broker, coordinator, append, cli: operatorCli(broker) };
}

type Found = { kind: string; session?: string; missing: { id: string }[]; [more: string]: unknown };

function lines(text: string): { findings: Found[]; summary: Record<string, number> } {
  const all = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Found);
  return { findings: all.slice(0, -1), summary: all.at(-1) as unknown as Record<string, number> };
}

const MINUTE = 60_000;

test("ORDER-1: a coordinator that lost its last 30 minutes gets back exactly what is missing, in order, with the old keys", async () => {
  const { coordinator, append, cli } = await setUp("secret-token-1234");
  const sessions = Array.from({ length: 12 }, (_, i) => `s ${i}`); // ids that need encoding
  for (const session of sessions) coordinator.createSession(session);
  const at = (n: number): { timestamp: string } => ({
    timestamp: new Date(Date.now() - 60 * MINUTE + n * 2 * MINUTE).toISOString(),
  });
  for (const session of sessions.slice(0, 6))
    await append(
      session,
      { executor_session_id: `x ${session}`, hostname: "h", executor_profile: "p" },
      { kind: "bind" },
    );
  for (let n = 0; n < 15; n++)
    for (const session of sessions) await append(session, { ...at(n), result_text: `${n}` });
  const early = 6 + 15 * 12;
  await eventually(() => expect(coordinator.writes()).toHaveLength(early));
  const backup = coordinator.state.sessions.backup();

  const lost: { id: string; session: string }[] = [];
  const late = async (session: string, ...rest: [object, object?]): Promise<void> => {
    lost.push({ session, id: (await append(session, { ...rest[0] }, rest[1])).id });
  };
  for (let n = 15; n < 30; n++) {
    for (const session of sessions.slice(0, 9)) await late(session, { ...at(n), result_text: `${n}` });
    if (n === 20)
      await late(
        "s 7",
        { executor_session_id: "new", hostname: "h", executor_profile: "p" },
        { kind: "bind" },
      );
    if (n === 25) await late("s 2", { last_resumed_at: "2026-01-01T00:00:00Z" }, { kind: "metadata" });
  }
  const all = early + lost.length;
  await eventually(() => expect(coordinator.writes()).toHaveLength(all));
  const whole = JSON.stringify(contents());
  const healthy = lines((await cli("reconcile", "--all", "--json")).stdout);
  expect(healthy).toMatchObject({ findings: [], summary: { sessions: 12, compared: all, missing: 0 } });

  coordinator.state.sessions.restore(backup);
  const shown = await cli("reconcile", "--all");
  expect(shown.code).toBe(3);
  expect(shown.stdout).toMatch(/^SESSION +COMPARED +MISSING +SENT +NOTE\n/);
  expect(shown.stdout).toMatch(
    new RegExp(`\\n12 sessions, ${all} deliveries compared: ${lost.length} missing \\(--send`),
  );
  expect(coordinator.writes()).toHaveLength(all);

  const sent = await cli("reconcile", "--all", "--send", "--json");
  expect(sent.code).toBe(0);
  expect(lines(sent.stdout).summary).toMatchObject({ missing: lost.length, sent: lost.length });
  await eventually(() => expect(coordinator.writes()).toHaveLength(all + lost.length));
  for (const session of sessions) {
    const again = coordinator.writes(session).filter(({ n }) => n > (coordinator.writes()[all - 1]?.n ?? 0));
    expect(again.map(({ key }) => key)).toEqual(
      lost.filter((it) => it.session === session).map(({ id }) => id),
    );
  }
  expect(JSON.stringify(contents())).toBe(whole);
  const second = await cli("reconcile", "--all", "--send", "--json");
  expect(lines(second.stdout)).toMatchObject({ findings: [], summary: { missing: 0, sent: 0, underWay: 0 } });
  expect(coordinator.writes()).toHaveLength(all + lost.length);

  /** Everything that can be read, but for the coordinator's own numbers of events. */
  function contents(): unknown {
    return sessions.map((session) => [
      coordinator.state.sessions.get(session),
      coordinator.state.sessions.events(session).map((event) => ({ ...event, id: 0 })),
    ]);
  }
});

test("ONCE-1: what was sent again and still waits is not sent twice; what waits, died, was dropped or is unknown there is not missing", async () => {
  const { coordinator, append, cli } = await setUp();
  for (const session of ["s1", "s2", "s3"]) coordinator.createSession(session);
  const backup = coordinator.state.sessions.backup();
  const { id } = await append("s1", {});
  await append("s1", { timestamp: 5 }); // refused: a dead letter
  await append("s3", {});
  await eventually(() => expect(coordinator.writes()).toHaveLength(3));
  coordinator.state.sessions.restore(backup);
  coordinator.state.sessions.remove("s3");
  coordinator.faults.set([
    { method: "POST", path: "/sessions/s[12]/events", action: { kind: "status", status: 503 } },
  ]);
  await append("s2", {}); // waits
  const look = async (...args: string[]) => lines((await cli("reconcile", "--json", ...args)).stdout);
  await eventually(async () => {
    const { findings } = await look("--all");
    expect(findings).toHaveLength(2);
    expect(findings).toContainEqual(
      expect.objectContaining({ session: "s1", missing: [expect.objectContaining({ id })], underWay: [] }),
    );
    expect(findings).toContainEqual(
      expect.objectContaining({ kind: "unknown_session", session: "s3", missing: [expect.anything()] }),
    );
  });
  expect((await look("--session", "s1", "--send")).summary).toMatchObject({ missing: 1, sent: 1 });
  expect((await look("--session", "s1", "--send")).summary).toMatchObject({
    missing: 0,
    underWay: 1,
    sent: 0,
  });
  coordinator.faults.clear();
  await eventually(async () =>
    expect((await look("--session", "s1")).summary).toMatchObject({ missing: 0, underWay: 0 }),
  );
  // dropped, it is still none that the coordinator lacks
  expect((await cli("dead", "drop", "--session", "s1", "--yes")).stdout).toBe("dropped 1 dead letter\n");
  expect((await look("--session", "s1")).summary).toMatchObject({ missing: 0, underWay: 0 });
  expect((await look("--session", "nobody")).summary).toMatchObject({ unknownSessions: 1 });
});

test("of more than a hundred events it says which it cannot judge, and how to send them", async () => {
  const { coordinator, append, cli } = await setUp();
  coordinator.createSession("s1");
  const timestamp = (n: number): string =>
    new Date(Date.parse("2026-01-01T00:00:00Z") + n * 1000).toISOString();
  for (let n = 0; n < 120; n++) await append("s1", { timestamp: timestamp(n) });
  await eventually(() => expect(coordinator.writes()).toHaveLength(120));
  // the last one is compared once the relay has written down that it was delivered
  await eventually(async () => {
    const { stdout, code } = await cli("reconcile", "--session", "s1");
    expect(stdout).toContain(
      "20 could not be checked: the coordinator returns only 100 events (replay --session s1 --from-seq 101 sends them)",
    );
    expect(stdout).toMatch(/nothing is missing; 20 could not be checked\n$/);
    expect(code).toBe(0);
  });
});

test("--since compares what came since then; bad command lines, no relay, and a coordinator that is away", async () => {
  const { broker, coordinator, append, cli } = await setUp();
  for (const session of ["s1", "s2"]) coordinator.createSession(session);
  const backup = coordinator.state.sessions.backup();
  await append("s1", {});
  await eventually(() => expect(coordinator.writes()).toHaveLength(1));
  const jsm = await jetstreamManager(await broker.connect("operator"), { checkAPI: false });
  const { ts: between = "" } = await jsm.streams.info(EVENTS_STREAM); // by the clock that dates what is stored
  await append("s2", {});
  await eventually(() => expect(coordinator.writes()).toHaveLength(2));
  coordinator.state.sessions.restore(backup);
  await eventually(async () => {
    const { findings, summary } = lines(
      (await cli("reconcile", "--all", "--since", between, "--json")).stdout,
    );
    expect(findings).toMatchObject([{ session: "s2", missing: [{ kind: "event" }] }]);
    expect(summary).toMatchObject({ sessions: 1, missing: 1 });
  });
  expect((await cli("reconcile")).code).toBe(2);
  expect((await cli("reconcile", "--all", "--session", "s1")).code).toBe(2);
  expect((await cli("reconcile", "--session", "../x")).code).toBe(2);
  const asked = await (await broker.connect("operator")).request(HOLDINGS_SUBJECT, "nonsense");
  expect(asked.json<Holdings>()).toEqual({ kind: "unavailable", reason: "no question" });
  await coordinator.stop();
  const away = await cli("reconcile", "--session", "s1");
  expect(away).toMatchObject({ code: 3, stdout: expect.stringContaining("the coordinator does not answer") });
});

test("holdings name events by digests of what they say", async () => {
  const { broker, coordinator, append } = await setUp();
  coordinator.createSession("s1");
  const body = { session_id: "s1", event_type: "message", timestamp: "2026-01-01T00:00:00Z", extra: 1 };
  await append("s1", body);
  await eventually(() => expect(coordinator.writes()).toHaveLength(1));
  const operator = await broker.connect("operator");
  const answer = await operator.request(HOLDINGS_SUBJECT, JSON.stringify({ v: 1, session: "s1" }));
  expect(answer.json()).toEqual({
    kind: "held",
    status: "pending",
    fields: {},
    events: [digestOf(body)],
    last: body.timestamp,
    cut: false,
  });
});

test("a session that the coordinator lost whole is missing: counted, not sent into nothing, and brought back as it says", async () => {
  const { coordinator, append, cli } = await setUp();
  for (const session of ["s1", "it's lost", "s3"]) coordinator.createSession(session);
  const lost = "it's lost";
  const bind = { executor_session_id: "x", hostname: "h", executor_profile: "p" };
  await append(lost, bind, { kind: "bind" });
  for (let n = 0; n < 3; n++) await append(lost, { result_text: `${n}` });
  await append(lost, { timestamp: 5 }); // refused: it was never there
  await append("s1", {});
  await append("s3", {});
  await append("never", {}); // of a session that never was: all of it died
  await eventually(() => expect(coordinator.writes()).toHaveLength(8));
  const backup = coordinator.state.sessions.backup();
  coordinator.state.sessions.remove(lost);
  coordinator.state.sessions.remove("s3");

  await eventually(async () => {
    const { stdout, code } = await cli("reconcile", "--all");
    expect(stdout).toMatch(/^it's lost +- +4 +0 +the coordinator does not know the session$/m);
    expect(stdout).toMatch(
      /^4 sessions, 1 delivery compared: 5 missing because the coordinator does not know their session/m,
    );
    expect(stdout).toContain(String.raw`runner-relay replay --session 'it'\''s lost' --include-binds`);
    expect(code).toBe(3);
  });
  const sent = await cli("reconcile", "--session", lost, "--send", "--json");
  expect(sent.code).toBe(3);
  const { findings, summary } = lines(sent.stdout);
  expect(summary).toMatchObject({ sessions: 1, unknownSessions: 1, missing: 4, lost: 4, sent: 0 });
  expect(findings).toMatchObject([
    {
      kind: "unknown_session",
      missing: [{ kind: "bind" }, {}, {}, {}],
      wayBack: expect.stringContaining("--include-binds"),
    },
  ]);
  expect(coordinator.writes()).toHaveLength(8);
  const never = await cli("reconcile", "--session", "never");
  expect(never).toMatchObject({ code: 0, stdout: expect.stringMatching(/nothing is missing/) });

  coordinator.createSession(lost);
  expect((await cli("replay", "--session", lost, "--include-binds", "--yes")).code).toBe(0);
  await eventually(() =>
    expect(coordinator.state.sessions.events(lost)).toHaveLength(backup.get(lost)?.events.count ?? -1),
  );
  expect(coordinator.state.sessions.get(lost)).toMatchObject({ hostname: "h", status: "running" });
  await eventually(async () => expect(await cli("reconcile", "--session", lost)).toMatchObject({ code: 0 }));
});

test("a 404 that is not the coordinator's word on the session is no lost session", async () => {
  const { broker, coordinator } = await setUp();
  coordinator.createSession("s1");
  const operator = await broker.connect("operator");
  const page = { body: "<html>no such page</html>", headers: { "content-type": "text/html" } };
  const answers: [path: string, answer: Omit<FaultAction & { kind: "status" }, "kind">, kind: string][] = [
    ["/sessions/s1$", { status: 404, body: { detail: "Session not found" } }, "unknown_session"],
    ["/sessions/s1$", { status: 404, body: { detail: { code: "no_session" } } }, "unknown_session"],
    ["/sessions/s1$", { status: 404, body: { detail: "Not Found" } }, "unavailable"], // an unknown route
    ["/sessions/s1$", { status: 404, ...page }, "unavailable"],
    ["/sessions/s1$", { status: 404, body: {} }, "unavailable"],
    ["/sessions/s1$", { status: 410, body: { detail: "gone" } }, "unavailable"],
    ["/sessions/s1/events$", { status: 404, body: { detail: "no events" } }, "unavailable"],
  ];
  for (const [path, answer, kind] of answers) {
    coordinator.faults.set([{ method: "GET", path, action: { kind: "status", ...answer } }]);
    const question = JSON.stringify({ v: 1, session: "s1" });
    const found = await operator.request(HOLDINGS_SUBJECT, question, { timeout: 20_000 });
    expect({ answer, found: found.json<Holdings>().kind }).toEqual({ answer, found: kind });
  }
});
