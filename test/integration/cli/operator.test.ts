import { deadSubject, eventSubject } from "../../support/eight-shards.ts";
import { jetstreamManager } from "@nats-io/jetstream";
import { headers } from "@nats-io/nats-core";
import { expect, onTestFinished, test } from "vitest";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { encodeSessionEnvelope } from "../../../src/shared/session-log/event/session-envelope.ts";
import { encodeEnvelope, type Envelope } from "../../../src/shared/log/schema/envelope.ts";
import { HEADER } from "../../../src/shared/base/headers.ts";
import { DEAD_STREAM, EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker } from "../../support/broker.ts";
import { runCommand } from "../../support/command.ts";
import { operatorCli } from "../../support/operator.ts";

function envelopeOf(id: string, session: string): Envelope {
  return {
    v: 1,
    id,
    kind: "event",
    session,
    runner: "r1",
    epoch: "e",
    seq: 1,
    at: Date.parse("2026-01-01T00:00:00Z"),
    type: "application/json",
    body: new TextEncoder().encode('{"event_type":"message"}'),
  };
}

async function setUp() {
  const broker = await startTestBroker();
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const admin = await broker.connect("admin");
  await provision(admin, { logBytes: 16 * 1024 * 1024 });
  const relay = await broker.connect("relay");
  const bury = async (id: string, session: string): Promise<void> => {
    const head = headers();
    for (const [name, value] of [
      [HEADER.error, "422: no such field"],
      [HEADER.status, "422"],
      [HEADER.attempts, "1"],
      [HEADER.origSeq, "5"],
    ] as const) {
      head.set(name, value);
    }
    const payload = encodeEnvelope(envelopeOf(id, session));
    await relay.request(deadSubject(id, "r1", session, "event"), payload, { headers: head, timeout: 20_000 });
  };
  return { broker, jsm: await jetstreamManager(admin), bury, cli: operatorCli(broker) };
}

test("dead ls and show: reason, event with its body", async () => {
  const { bury, cli } = await setUp();
  expect((await cli("dead", "ls")).stdout).toBe("no dead letters\n");
  await bury("e1", "a b");
  await bury("e2", "s2");
  const listed = await cli("dead", "ls");
  expect(listed.stdout).toMatch(/EVENT +SESSION.*\ne1 +a b +event +422 .*no such field\ne2 +s2/);
  const lines = (await cli("dead", "ls", "--json", "--session", "s2")).stdout.trim().split("\n");
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    expect.objectContaining({
      id: "e2",
      session: "s2",
      status: 422,
      attempts: 1,
      origSeq: 5,
      answered: false,
    }),
  ]);
  const shown = JSON.parse((await cli("dead", "show", "e1")).stdout) as object;
  expect(shown).toMatchObject({ id: "e1", event: { session: "a b", body: { event_type: "message" } } });
  const missing = await cli("dead", "show", "*");
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringMatching(/^nothing_found: /) });
});

test("redrive puts the same envelope into the log under a new message id, and removes the letter", async () => {
  const { bury, cli, jsm, broker } = await setUp();
  await bury("e1", "s1");
  await bury("e2", "s2");
  // the broker knows the old message id
  const gateway = await broker.connect("gateway");
  const head = headers();
  head.set("Nats-Msg-Id", "e1");
  await gateway.request(eventSubject("r1", "s1", "event"), "x", { headers: head, timeout: 20_000 });
  expect((await cli("dead", "redrive")).code).toBe(2);
  expect((await cli("dead", "redrive", "--all", "--dry-run")).stdout).toMatch(
    /would redrive e1.*\nwould redrive e2/,
  );
  expect((await jsm.streams.info(DEAD_STREAM)).state.messages).toBe(2);
  expect((await cli("dead", "redrive", "e1")).stdout).toBe("e1 of s1 requeued as sequence 2\n");
  const again = await jsm.direct.getMessage(EVENTS_STREAM, { seq: 2 });
  expect(again?.subject).toBe(eventSubject("r1", "s1", "event", "replay"));
  expect(again?.header.get(HEADER.replayOf)).toBe("RR_DEAD:1");
  expect(Buffer.from(again?.data ?? [])).toEqual(Buffer.from(encodeEnvelope(envelopeOf("e1", "s1"))));
  expect((await cli("dead", "redrive", "--all")).stdout).toContain("e2 of s2");
  expect((await jsm.streams.info(DEAD_STREAM)).state.messages).toBe(0);
});

test("HONEST-1: status shows backlog, log and what is known of durability", async () => {
  const { broker, cli } = await setUp();
  const gateway = await broker.connect("gateway");
  await gateway.request(eventSubject("r1", "s1", "event"), "x");
  const { stdout } = await cli("status", "--json");
  expect(JSON.parse(stdout)).toMatchObject({
    backlog: { events: 1 },
    log: { messages: 1, maxBytes: 16 * 1024 * 1024 },
    dead: { messages: 0 },
    durability: {
      durability: "unverified",
      problems: [expect.stringContaining("RUNNER_RELAY_BROKER_CONFIG")],
    },
    paused: false,
    relays: [],
    oldestWaiting: expect.stringMatching(/^\d{4}-/),
  });
  expect((await cli("status")).stdout).toMatch(
    /^backlog +1 event, oldest \d+s\n.*relays +no relay answers\n\nSESSIONS OF THE COORDINATOR\ns1 +waiting, 1 event waiting\n\nAGENT SESSIONS\nlog  none on this broker\n$/s,
  );
});

test("decode prints an envelope, and says what is none", async () => {
  const decoded = await runCommand(["decode"], { stdin: encodeEnvelope(envelopeOf("e1", "s1")) });
  expect(JSON.parse(decoded.stdout)).toMatchObject({
    id: "e1",
    at: "2026-01-01T00:00:00.000Z",
    body: { event_type: "message" },
  });
  const body = '{"n":12345678901234567890,"x":1.50}';
  const big = { ...envelopeOf("e1", "s1"), body: new TextEncoder().encode(body) };
  const verbatim = await runCommand(["decode"], { stdin: encodeEnvelope(big) });
  expect(verbatim.stdout).toMatch(/"n": 12345678901234567890,\n +"x": 1.50\n/);
  const event = { id: "e2", source: "push" as const, kind: "assistant", session: "pod.1", at: 0 };
  const ofSession = encodeSessionEnvelope({ ...event, body: new TextEncoder().encode(body) });
  const session = await runCommand(["decode"], { stdin: ofSession });
  expect(JSON.parse(session.stdout)).toMatchObject({
    source: "push",
    session: "pod.1",
    at: "1970-01-01T00:00:00.000Z",
    body: { x: 1.5 },
  });
  const refused = await runCommand(["decode"], { stdin: new TextEncoder().encode("nonsense") });
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^envelope_invalid: /) });
});

test("provision --from and prune by command", async () => {
  const { broker } = await setUp();
  const as = (role: "admin" | "prune") => {
    const { user = "", password = "" } = broker.access(role);
    return { NATS_URL: broker.url, NATS_USER: user, NATS_PASSWORD: password };
  };
  const first = await runCommand(["provision"], { env: as("admin") });
  expect(first.stdout).toMatch(/^stream KV_RR_SES_STATE created\nstream RR_SESSIONS created\n/);
  const again = await runCommand(["provision", "--from", "new"], { env: as("admin") });
  expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/^everything is in place\n/) });
  expect((await runCommand(["provision", "--from", "never"], { env: as("admin") })).code).toBe(2);
  const pruned = await runCommand(["prune", "--dry-run"], { env: as("prune") });
  expect(pruned).toMatchObject({ code: 0, stdout: "nothing to prune\n" });
});
