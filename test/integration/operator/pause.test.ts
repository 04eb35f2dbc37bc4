import { expect, test } from "vitest";
import type { StatusJson } from "../../../src/operate/status-json.ts";
import { putState } from "../../../src/shared/log/state/state-store.ts";
import { stateKey } from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker } from "../../support/broker.ts";
import { runCommand } from "../../support/command.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { operatorCli, operatorEnv } from "../../support/operator.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";
import { eventually } from "../../support/eventually.ts";

async function setUp() {
  const broker = await provisioned(await startTestBroker());
  return {
    broker,
    env: operatorEnv(broker),
    cli: operatorCli(broker),
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  };
}

test.concurrent("ORDER-1: pause and resume say when a relay does it, for everything and for a parked session", async () => {
  await using stage = await setUp();
  const { broker, cli } = stage;
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  coordinator.faults.set([
    { body: "poison", action: { kind: "status", status: 422, body: { detail: "poisonous" } } },
  ]);
  await using relay = await startTestRelay(broker, coordinator.url, { poisonPolicy: "park" });
  const { append } = createAppender(await broker.connect("gateway"));
  const delivered = (session: string): number =>
    coordinator.writes(session).filter(({ status }) => status === 201).length;

  expect(await cli("pause", "--yes", "--text", "maintenance")).toMatchObject({
    code: 0,
    stdout: "everything is paused (relay-a)\n",
  });
  await append("s1");
  await append("s2", { marker: "poison" });
  await append("s2");
  const paused = await cli("status");
  expect(paused.stdout).toMatch(/^PAUSED +by an operator \(.+@.+\) since .* UTC \(\d+s\): maintenance$/m);
  expect(paused.stdout).toMatch(/^relay-a +paused for \d+m?s \(paused_by_operator\)/m);
  expect(delivered("s1")).toBe(0);
  expect((await cli("resume")).stdout).toBe("everything resumed (relay-a)\n");
  await eventually(() => expect(delivered("s1")).toBe(1));

  expect((await cli("pause", "--session", "s1", "--text", "looking")).stdout).toBe(
    "session s1 is paused (relay-a)\n",
  );
  await append("s1");
  await eventually(async () =>
    expect((await cli("status")).stdout).toMatch(
      /^SESSIONS OF THE COORDINATOR\ns2 +parked, 2 events waiting.*\n +parked by the poison policy since .* UTC \(\d+s\): status 422: poisonous; waits for `.*runner-relay resume --session s2`\ns1 +paused, 1 event waiting.*\n +paused by an operator \(.+@.+\) since .* UTC \(\d+s\): looking$/m,
    ),
  );
  const since = async (): Promise<unknown> => {
    const { sessions } = JSON.parse((await cli("status", "--json")).stdout) as StatusJson;
    return sessions.list.find(({ session }) => session === "s2")?.since;
  };
  const parked = await since();
  expect((await cli("resume", "--session", "s2")).stdout).toMatch(
    /^session s2 resumed \(relay-a\), but it stands still: parked by the poison policy since .*: status 422: poisonous; waits for `.*`\n$/,
  );
  expect(await since()).toBe(parked);
  const skipped = await cli("resume", "--session", "s2", "--skip-head", "--json");
  expect(JSON.parse(skipped.stdout)).toEqual({
    action: "resume",
    session: "s2",
    kind: "in_force",
    relays: ["relay-a"],
    outcome: "continues",
  });
  await eventually(() => expect(delivered("s2")).toBe(1));
  expect((await cli("dead", "ls")).stdout).toMatch(/ s2 .* skipped by an operator: status 422: poisonous\n$/);
  expect(JSON.parse((await cli("dead", "ls", "--json")).stdout)).toMatchObject({ status: 422, attempts: 2 });
  expect(delivered("s1")).toBe(1);
  expect((await cli("resume", "--session", "s1")).code).toBe(0);
  await eventually(() => expect(delivered("s1")).toBe(2));
  expect(relay.fatal).toEqual([]);
});

test.concurrent("without a relay the wish is kept, and said so; what is not paused is not found", async () => {
  await using stage = await setUp();
  const { broker, cli } = stage;
  const kept = await cli("pause", "--session", "s1", "--json");
  expect(JSON.parse(kept.stdout)).toMatchObject({ action: "pause", session: "s1", kind: "no_relay" });
  expect(JSON.parse((await cli("status", "--json")).stdout)).toMatchObject({
    paused: false,
    sessions: { list: [{ session: "s1", state: "paused", events: 0, by: expect.stringContaining("@") }] },
  });
  const missing = await Promise.all([
    cli("resume"),
    cli("resume", "--session", "other"),
    cli("resume", "--session", "s1", "--skip-head"),
  ]);
  for (const it of missing)
    expect(it).toMatchObject({ code: 1, stderr: expect.stringMatching(/^nothing_found: /) });
  expect(missing[1]?.stderr).toMatch(/no relay answers, so it is not known whether it waits/);
  expect((await cli("resume", "--session", "")).stderr).toMatch(/^session_id_invalid: .* empty/);
  const nc = await broker.connect("relay");
  await putState(nc, stateKey.control("s2"), new TextEncoder().encode('{"v":2}'));
  expect(await cli("status")).toMatchObject({ code: 1, stderr: expect.stringMatching(/^schema_newer: /) });
});

test.concurrent("everything is paused only after a yes, and a broker that is away or refuses is said", async () => {
  await using stage = await setUp();
  const { broker, env, cli } = stage;
  expect(await cli("pause")).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") });
  expect((await cli("resume", "--skip-head")).code).toBe(2);
  const refused = await runCommand(["pause", "--yes"], { env: { ...env, NATS_PASSWORD: "wrong" } });
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^broker_refused: /) });
  await broker.kill9();
  expect(await cli("pause", "--yes")).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^log_unreachable: /),
  });
});
