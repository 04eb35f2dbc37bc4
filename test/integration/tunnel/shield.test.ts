import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { keptShield } from "../../../src/gateway/runner/kept.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { startProcesses } from "../../faults/processes.ts";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator, type TestCoordinator } from "../../support/coordinator.ts";
import { serveHttp } from "../../support/http-server.ts";
import { provisioned, startTestRelay } from "../../support/relay.ts";
import { startScriptedRunner } from "../../support/scripted-runner.ts";
import { startTestGateway } from "../gateway/harness.ts";

const REGISTRATION = JSON.stringify({
  hostname: "host-1",
  project_dir: "/p",
  executor_profile: "coding",
  executor: { type: "autonomous", command: "x", config: {} },
});

type Told = { status: number; by: string | null; body: unknown; ms: number };

async function tell(url: string, path: string, init: RequestInit = {}): Promise<Told> {
  const began = performance.now();
  const answer = await fetch(url + path, init);
  const text = await answer.text();
  return {
    status: answer.status,
    by: answer.headers.get("rr-answered-by"),
    body: text === "" ? undefined : (JSON.parse(text) as unknown),
    ms: performance.now() - began,
  };
}

const post = (url: string, path: string, body: string): Promise<Told> =>
  tell(url, path, { method: "POST", headers: { "content-type": "application/json" }, body });
const register = (url: string): Promise<Told> => post(url, "/runner/register", REGISTRATION);
const poll = (url: string, runner: string, signal?: AbortSignal): Promise<Told> =>
  tell(url, `/runner/runs?runner_id=${runner}`, signal === undefined ? {} : { signal });
const heartbeat = (url: string, runner: string): Promise<Told> =>
  post(url, "/runner/heartbeat", JSON.stringify({ runner_id: runner }));
const runnerOf = ({ body }: Told): string => (body as { runner_id: string }).runner_id;

/** A poll that the coordinator holds. One that came behind a slow look for ghosts is over before, so that it takes another. */
async function heldPoll(
  url: string,
  runner: string,
  coordinator: TestCoordinator,
): Promise<{ answer: Promise<Told> }> {
  for (;;) {
    const answer = poll(url, runner);
    const held = expect.poll(() => coordinator.state.polls.waiting()).toBe(1);
    const over = await Promise.race([answer, held.then(() => undefined)]);
    if (over === undefined) return { answer };
    held.catch(() => undefined);
  }
}

/** Polls that reach the coordinator and whose clients then leave: their handlers go on there. */
async function ghostPolls(
  url: string,
  runner: string,
  coordinator: TestCoordinator,
  count = 1,
): Promise<void> {
  const leaving = new AbortController();
  const keepPolling = async (): Promise<void> => {
    while (!leaving.signal.aborted) await poll(url, runner, leaving.signal).catch(() => undefined);
  };
  const gone = Array.from({ length: count }, keepPolling);
  await expect.poll(() => coordinator.state.polls.waiting()).toBe(count);
  leaving.abort();
  await Promise.all(gone);
}

describe("a gateway without a relay", () => {
  it("holds a registration until one is there, and answers polls and heartbeats when it is gone again", async () => {
    await using coordinator = await startCoordinator({ pollMs: 300 });
    await using broker = await provisioned(await startTestBroker());
    await using gateway = await startTestGateway(broker);
    const url = gateway.url();
    const registering = register(url);
    expect((await heartbeat(url, "anyone")).by).toBe("gateway");
    const relay = await startTestRelay(broker, coordinator.url);
    const registered = await registering;
    expect([registered.status, registered.by]).toEqual([200, null]);
    const runner = runnerOf(registered);
    await expect.poll(async () => (await poll(url, runner)).by).toBeNull();
    await relay.close();

    const held = poll(url, runner);
    expect(await heartbeat(url, runner)).toMatchObject({ status: 200, by: "gateway", body: { ok: true } });
    expect(await register(url)).toMatchObject({ status: 200, by: "gateway", body: registered.body });
    await using again = await startTestRelay(broker, coordinator.url);
    expect(again.fatal).toEqual([]);
    const answered = await held;
    expect(answered).toMatchObject({ status: 204, by: "gateway" });
    expect(answered.ms).toBeGreaterThan(990);
    await expect.poll(async () => (await poll(url, runner)).by).toBeNull();
    const metrics = await (await fetch(`${url}/_relay/metrics`)).text();
    expect(metrics).toMatch(/^runner_relay_gateway_shielded_total\{answer="heartbeat"\} 2$/m);
    expect(metrics).toMatch(/^runner_relay_gateway_shielded_total\{answer="register"\} 1$/m);
  });

  it("answers what it holds when it stops, and what comes then", async () => {
    await using coordinator = await startCoordinator({ pollMs: 20_000 });
    await using broker = await provisioned(await startTestBroker());
    await using relay = await startTestRelay(broker, coordinator.url);
    const gateway = await startTestGateway(broker);
    const url = gateway.url();
    const runner = runnerOf(await register(url));
    const passed = await heldPoll(url, runner, coordinator);
    expect(relay.fatal).toEqual([]);
    const closed = gateway.close();
    expect(await passed.answer).toMatchObject({ status: 204, by: "gateway" });
    await closed;
    expect(coordinator.state.polls.waiting(), "the coordinator holds the poll still").toBe(1);
  });
});

describe("a runner whose way breaks", () => {
  it("does not see a relay that is killed or stopped, and a registration with it", async () => {
    await using coordinator = await startCoordinator({ pollMs: 20_000 });
    await using stage = await startProcesses(coordinator.url);
    const url = stage.gateway.url();
    const [relay] = stage.relays;
    const runner = runnerOf(await register(url));
    const killed = await heldPoll(url, runner, coordinator);
    await relay?.kill9(1000);
    expect(await killed.answer).toMatchObject({ status: 204, by: "gateway" });

    await relay?.ready();
    await expect.poll(async () => (await heartbeat(url, runner)).by).toBeNull();
    relay?.signal("SIGSTOP");
    const stopped = poll(url, runner);
    const registering = register(url);
    const beaten = await heartbeat(url, runner);
    expect([beaten.status, beaten.by]).toEqual([200, "gateway"]);
    expect(await registering).toMatchObject({ status: 200, by: "gateway" });
    relay?.signal("SIGCONT");
    const answered = await stopped;
    expect([answered.status, answered.by]).toEqual([204, "gateway"]);
  });

  it("does not see a broker that is killed three times", async () => {
    await using coordinator = await startCoordinator({ pollMs: 300 });
    await using stage = await startProcesses(coordinator.url);
    await using runner = await startScriptedRunner(stage.gateway.url());
    for (let i = 0; i < 3; i++) {
      const before = runner.answers.coordinator;
      await expect.poll(() => runner.answers.coordinator).toBeGreaterThan(before + 2);
      await stage.broker.kill9();
      await stage.broker.restart();
    }
    const { runId, sessionId } = coordinator.createSession();
    await expect.poll(() => runner.runs).toEqual([[runId, sessionId]]);
    expect(runner.died()).toBeUndefined();
  });

  it("is the same one when the answer to its registration was lost", async () => {
    await using coordinator = await startCoordinator({ pollMs: 300 });
    await using stage = await startProcesses(coordinator.url);
    const [relay] = stage.relays;
    coordinator.faults.set([{ path: "/runner/register", times: 1, apply: true, action: { kind: "hang" } }]);
    const registering = register(stage.gateway.url());
    await expect.poll(() => coordinator.faults.list()[0]?.strikes).toBe(1);
    await relay?.kill9();
    expect(await registering).toMatchObject({
      status: 200,
      by: "gateway",
      body: { runner_id: expect.stringMatching(/^lnch_/) as string, poll_timeout_seconds: 30 },
    });
    expect(await register(stage.gateway.url())).toMatchObject({ status: 409, by: null });
  });
});

describe("ghost polls", () => {
  it("what a broken poll had taken is given out once, a stop command too, also by the next gateway", async () => {
    await using coordinator = await startCoordinator({ pollMs: 4000 });
    await using broker = await provisioned(await startTestBroker());
    await using relay = await startTestRelay(broker, coordinator.url);
    const dir = await mkdtemp(join(tmpdir(), "rr-shield-"));
    await using _ = { [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
    const deps = { keptShield: keptShield(dir, "gw1", silentLogger()) };
    const first = await startTestGateway(broker, {}, deps);
    const runner = runnerOf(await register(first.url()));
    await ghostPolls(first.url(), runner, coordinator);
    const { runId, sessionId } = coordinator.createSession();
    expect(coordinator.state.runs.get(runId)?.status).toBe("claimed");
    const given = await poll(first.url(), runner);
    expect(given).toMatchObject({
      status: 200,
      by: "gateway",
      body: { run: { run_id: runId, session_id: sessionId } },
    });
    expect((await poll(first.url(), runner)).status).toBe(204);
    await first.close();

    await using gateway = await startTestGateway(broker, {}, deps);
    const url = gateway.url();
    const quick = await poll(url, runner);
    expect([quick.status, quick.by]).toEqual([204, "gateway"]);
    await post(url, `/runner/runs/${runId}/started`, JSON.stringify({ runner_id: runner }));
    await expect.poll(() => coordinator.state.runs.get(runId)?.status).toBe("running");
    await ghostPolls(url, runner, coordinator);
    await fetch(`${coordinator.url}/sessions/${sessionId}/stop`, { method: "POST" });
    expect(await poll(url, runner)).toMatchObject({
      status: 200,
      by: "gateway",
      body: { stop_sessions: [sessionId] },
    });
    expect((await poll(url, runner)).status).toBe(204);
    expect(relay.fatal).toEqual([]);
  });

  it("ten runs that broken polls took are all given out, and those of other runners are not", async () => {
    await using coordinator = await startCoordinator({ pollMs: 4000 });
    await using broker = await provisioned(await startTestBroker());
    await using relay = await startTestRelay(broker, coordinator.url);
    await using gateway = await startTestGateway(broker);
    const url = gateway.url();
    const runner = runnerOf(await register(url));
    const other = coordinator.state.runs.create({ type: "start_session", session_id: "x" });
    Object.assign(other, { status: "claimed", runner_id: "lnch_other" });
    await ghostPolls(url, runner, coordinator, 10);
    const lost = Array.from({ length: 10 }, () => coordinator.createSession().runId);
    const found: string[] = [];
    while (found.length < 10) {
      const { body, by } = await poll(url, runner);
      expect(by).toBe("gateway");
      found.push((body as { run: { run_id: string } }).run.run_id);
    }
    expect(found.toSorted()).toEqual(lost.toSorted());
    expect((await poll(url, runner)).status).toBe(204);
    expect(relay.fatal).toEqual([]);
  });

  it.each([
    ["[]"],
    ["null"],
    ['{"runs":[null,7,{"run_id":null},{"run_id":"r","session_id":7,"runner_id":"a","status":"claimed"}]}'],
    ['{"runs":[{"run_id":"../x","session_id":"s","runner_id":"a","status":"claimed"}]}'],
    ['{"runs":[{"run_id":"r","session_id":"s","runner_id":"a","status":"claimed"}'],
    [`{"runs":[${'{"run_id":"r"},'.repeat(400_000)}{}]}`],
    ["<html>"],
  ])("garbage in the place of a list changes nothing", async (list) => {
    await using upstream = await serveHttp((response, { target }) => {
      if (target.startsWith("/runs")) return response.end(list);
      return response.writeHead(204).end();
    });
    await using broker = await provisioned(await startTestBroker());
    await using relay = await startTestRelay(broker, upstream.url);
    await using gateway = await startTestGateway(broker);
    await expect.poll(async () => (await poll(gateway.url(), "a")).by).toBeNull();
    const asked = upstream.got.map(({ target }) => target);
    expect(asked).toContain("/runs?status=claimed");
    expect(asked.filter((path) => path.startsWith("/runs/"))).toEqual([]);
    expect(relay.fatal).toEqual([]);
  });
});
