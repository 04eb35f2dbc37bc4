import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { deadLetters } from "../../../src/shared/log/state/dead-letters.ts";
import { openControl, type Control } from "../../../src/shared/log/state/control.ts";
import type { RelayState } from "../../../src/shared/messages/relay-state.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startCoordinator, type TestCoordinator } from "../../support/coordinator.ts";
import { createAppender, provisioned, startTestRelay, watchStates } from "../../support/relay.ts";
import { eventually } from "../../support/eventually.ts";
import { bareEnv } from "../../support/bare-env.ts";
import { mainOf } from "../../support/bundle/main-of.ts";

const RELAY = mainOf("relay");

/** A relay as a process, to be killed. */
type RelayProcess = { kill9(): Promise<void>; [Symbol.asyncDispose](): Promise<void> };

async function startRelayProcess(broker: TestBroker, coordinatorUrl: string): Promise<RelayProcess> {
  const { user = "", password = "" } = broker.access("relay");
  const child: ChildProcess = spawn(process.execPath, [RELAY], {
    env: {
      ...bareEnv(),
      NATS_URL: broker.url,
      NATS_USER: user,
      NATS_PASSWORD: password,
      RUNNER_RELAY_RELAY: "relay-a",
      RUNNER_RELAY_COORDINATOR_URL: coordinatorUrl,
      RUNNER_RELAY_ADMIN_PORT: "0",
    },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, "exit");
  await eventually(() => {
    if (!output.includes('"ready":true')) throw new Error(output);
  }, 10);
  const kill9 = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  return { kill9, [Symbol.asyncDispose]: kill9 };
}

type Stage = {
  broker: TestBroker;
  coordinator: TestCoordinator;
  control: Control;
  states: Map<string, RelayState>;
  append: (session: string, count: number, body?: Record<string, unknown>) => Promise<string[]>;
  /** Ids that the coordinator took, of a session, in their order. */
  applied: (session: string) => string[];
  [Symbol.asyncDispose](): Promise<void>;
};

async function setUp(): Promise<Stage> {
  await using scope = new AsyncDisposableStack();
  const broker = scope.use(await provisioned(await startTestBroker()));
  const coordinator = scope.use(await startCoordinator({ autoCreateSessions: true }));
  const nc: NatsConnection = await broker.connect("operator");
  const { append } = createAppender(await broker.connect("gateway"));
  const kept = scope.move();
  return {
    broker,
    coordinator,
    control: await openControl(nc, systemClock),
    states: watchStates(nc),
    async append(session, count, body = {}) {
      const ids: string[] = [];
      for (let i = 0; i < count; i++) {
        ids.push((await append(session, body).catch(() => append(session, body))).id); // the broker may just be away
      }
      return ids;
    },
    applied: (session) =>
      coordinator
        .writes(session)
        .filter((entry) => entry.applied)
        .map((entry) => entry.key ?? ""),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function inForce(stage: Stage, revision: number): Promise<void> {
  await expect.poll(() => stage.states.get("relay-a")?.controls ?? 0).toBeGreaterThanOrEqual(revision);
}

describe("ORDER-1, ISOLATE-1: what an operator paused", () => {
  it("stays paused through kill -9 of relay and broker, sends nothing meanwhile, and continues in order", async () => {
    await using stage = await setUp();
    const { broker, coordinator, control, append, states } = stage;
    // an event that was settled just before a kill may come again (ONCE-1)
    const applied = (session: string): string[] => [...new Set(stage.applied(session))];
    let relay = await startRelayProcess(broker, coordinator.url);
    await using scope = new AsyncDisposableStack();
    scope.defer(() => relay[Symbol.asyncDispose]());

    const sent = await append("paused", 2);
    await expect.poll(() => applied("paused")).toEqual(sent);
    await inForce(stage, (await control.pauseSession("paused", "why")).revision);
    await expect
      .poll(() => states.get("relay-a")?.backlog)
      .toContainEqual(expect.objectContaining({ session: "paused" }));
    const others: string[] = [];
    const waits: string[] = [];
    const round = async (): Promise<void> => {
      waits.push(...(await append("paused", 3)));
      others.push(...(await append("other", 3)));
      await expect.poll(() => applied("other")).toEqual(others);
    };
    await round();
    await relay.kill9();
    relay = await startRelayProcess(broker, coordinator.url);
    await round();
    await broker.kill9();
    await broker.restart();
    await round();

    await control.pauseAll("maintenance");
    await expect
      .poll(() => states.get("relay-a")?.coordinator)
      .toMatchObject({ state: "paused", reason: "paused_by_operator" });
    others.push(...(await append("other", 3)));
    await relay.kill9();
    relay = await startRelayProcess(broker, coordinator.url);
    others.push(...(await append("other", 3)));
    await broker.kill9();
    await broker.restart();
    others.push(...(await append("other", 3)));
    await expect
      .poll(() => states.get("relay-a")?.coordinator)
      .toMatchObject({ state: "paused", reason: "paused_by_operator" });
    expect(applied("other")).toEqual(others.slice(0, -9));

    await control.resumeAll();
    await expect.poll(() => applied("other")).toEqual(others);
    expect(applied("paused")).toEqual(sent);
    await control.resumeSession("paused");
    await expect.poll(() => applied("paused")).toEqual([...sent, ...waits]);
    await expect.poll(() => control.readControls()).toEqual({ sessions: [] });
    expect(coordinator.summary()).toMatchObject({ inverted: 0, stale: 0 });
  });

  it("a parked session is resumed, or its head skipped, without other traffic in its shard", async () => {
    await using stage = await setUp();
    const { broker, coordinator, control, append, applied } = stage;
    coordinator.faults.set([
      { body: "poison", action: { kind: "status", status: 422, body: { detail: "poisonous" } } },
    ]);
    const first = await startTestRelay(broker, coordinator.url, { poisonPolicy: "park" });
    const before = await append("s", 1);
    await append("s", 2, { marker: "poison" });
    const after = await append("s", 2);
    const isParked = async (relay: typeof first): Promise<boolean> =>
      (await relay.get("/metrics")).text.includes('runner_relay_held_sessions{reason="parked"} 1');
    await expect.poll(() => isParked(first)).toBe(true);
    await first.close();

    // everything is acked, so nothing is delivered to the next one by itself
    await using second = await startTestRelay(broker, coordinator.url, { poisonPolicy: "park" });
    await control.resumeSession("s", { skipHead: true });
    await expect.poll(() => second.get("/status").then(({ text }) => text)).toContain("poisonous");
    await expect.poll(async () => (await control.readControls()).sessions).toEqual([]);
    await expect.poll(() => isParked(second)).toBe(true);
    expect(applied("s")).toEqual(before);
    coordinator.faults.clear();
    await control.resumeSession("s");
    await expect.poll(() => applied("s").length).toBe(4);
    expect(applied("s").slice(2)).toEqual(after);
    const jsm = await jetstreamManager(await broker.connect("operator"), { checkAPI: false });
    const [letter, ...others] = await Array.fromAsync(deadLetters(jsm));
    expect(letter).toMatchObject({ status: 422, attempts: 1, reason: expect.stringContaining("poisonous") });
    expect(others).toEqual([]);
    const { text } = await second.get("/metrics");
    expect(text).toContain('runner_relay_events_settled_total{how="dead"} 1');
    expect(text).toContain('runner_relay_events_settled_total{how="delivered"} 3');
    // they did not arrive, they were read from the log: the time since this process began is no latency
    expect(text).toContain("runner_relay_event_settle_seconds_count 0");
  });

  it("alarms once a minute while it waits for an operator", async () => {
    await using stage = await setUp();
    const { broker, coordinator, control } = stage;
    const lines: Record<string, unknown>[] = [];
    await using relay = await startTestRelay(broker, coordinator.url, {
      onLine: (line) => lines.push(JSON.parse(line) as Record<string, unknown>),
    });
    const { revision } = await control.pauseSession("s", "why");
    await control.pauseAll("maintenance");
    await inForce(stage, revision);
    await eventually(async () => {
      const { text } = await relay.get("/metrics");
      expect(text).toMatch(/^runner_relay_paused 1$/m);
      expect(text).toContain('runner_relay_held_sessions{reason="paused"} 1\n');
    });
    await expect
      .poll(() => lines.filter(({ msg }) => msg === "sessions wait for an operator"))
      .toMatchObject([{ paused: 1, sessions: ["s"] }]);
    await expect
      .poll(() => lines.filter(({ code }) => code === "paused_by_operator"))
      .toContainEqual(expect.objectContaining({ reason: "maintenance" }));
  });
});
