import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { keptShield } from "../../../src/gateway/runner/kept.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { openControl } from "../../../src/shared/log/state/control.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { startProcesses } from "../../faults/processes.ts";
import { pollThrough } from "../../support/runner-poll.ts";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { provisioned, startTestRelay } from "../../support/relay.ts";
import { dataFolder } from "../../support/up.ts";
import { startTestGateway } from "../gateway/harness.ts";
import { startStack } from "./stack.ts";
import { QUICK, runnerAt, taken, outage } from "./leaving-runner.ts";

describe("a runner that removes itself", () => {
  it("in an outage: it is answered, and removed when the coordinator is back, behind its reports", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using stack = await startStack(coordinator.url, { runnerTimes: QUICK });
    const runner = runnerAt(stack);
    const id = await runner.register();
    const { sessionId, runId } = coordinator.createSession();
    await runner.take(id);
    await outage(coordinator, runner, sessionId);
    await runner.post(`/runner/runs/${runId}/stopped`, { runner_id: id, signal: "SIGTERM" });
    const left = await runner.leave(id);
    expect([left.status, left.headers.get("rr-answered-by"), await left.json()]).toEqual([
      200,
      "relay",
      { ok: true, message: expect.any(String), initiated_by: "self" },
    ]);
    expect(await runner.leaving()).toMatchObject([{ runner: id, why: "asked" }]);
    coordinator.faults.set([
      {
        path: "/stopped$",
        times: 1,
        action: { kind: "status", status: 503, headers: { "retry-after": "3" } },
      },
    ]);
    await coordinator.start({ forgetRunners: true });
    await expect
      .poll(() => taken(coordinator).slice(-3))
      .toEqual(["POST /runner/register", `POST /runner/runs/${runId}/stopped`, `DELETE /runners/${id}`]);
    const removals = coordinator.ledger().filter(({ method }) => method === "DELETE");
    expect(
      removals.map(({ status }) => status),
      "once, and not before its report",
    ).toEqual([200]);
    await expect.poll(() => runner.leaving()).toEqual([]);
    await expect.poll(() => runner.event(sessionId, 2)).toBe(201);
  });

  it("while the coordinator is well: behind its own reports that are on their way, and with the coordinator's answer", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using stack = await startStack(coordinator.url, { runnerTimes: QUICK });
    const runner = runnerAt(stack);
    const id = await runner.register();
    const { runId } = coordinator.createSession();
    await runner.take(id);
    coordinator.faults.set([
      {
        path: "/stopped$",
        times: 1,
        action: { kind: "status", status: 503, headers: { "retry-after": "3" } },
      },
    ]);
    const stopped = await runner.post(`/runner/runs/${runId}/stopped`, { runner_id: id, signal: "SIGTERM" });
    expect(stopped.status).toBe(202);
    const left = await runner.leave(id);
    expect([left.status, left.headers.get("rr-answered-by")]).toEqual([200, null]);
    expect(taken(coordinator).slice(-2)).toEqual([
      `POST /runner/runs/${runId}/stopped`,
      `DELETE /runners/${id}`,
    ]);
    expect(await runner.leaving()).toEqual([]);
  });

  it("survives kill -9 of both relays, and is carried out by one of them, behind the reports", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using stage = await startProcesses(coordinator.url, { relays: 2 });
    const runner = runnerAt({ url: stage.gateway.url(), broker: stage.broker });
    const id = await runner.register();
    const { sessionId, runId } = coordinator.createSession();
    await runner.take(id);
    await outage(coordinator, runner, sessionId);
    await runner.post(`/runner/runs/${runId}/stopped`, { runner_id: id, signal: "SIGTERM" });
    const left = await runner.leave(id);
    expect([left.status, left.headers.get("rr-answered-by")]).toEqual([200, "relay"]);
    await Promise.all(stage.relays.map((relay) => relay.kill9(100)));
    await coordinator.start({ forgetRunners: true });
    await expect.poll(() => taken(coordinator).includes(`DELETE /runners/${id}`)).toBe(true);
    const calls = taken(coordinator);
    expect(calls.indexOf(`POST /runner/runs/${runId}/stopped`)).toBeGreaterThan(-1);
    expect(calls.indexOf(`POST /runner/runs/${runId}/stopped`)).toBeLessThan(
      calls.indexOf(`DELETE /runners/${id}`),
    );
    await expect.poll(() => runner.leaving()).toEqual([]);
  }, 180_000);

  it("is forgotten when the runner registers again before that", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using stack = await startStack(coordinator.url, { runnerTimes: QUICK });
    const runner = runnerAt(stack);
    const id = await runner.register();
    const { sessionId } = coordinator.createSession();
    await outage(coordinator, runner, sessionId);
    expect((await runner.leave(id)).status).toBe(200);
    expect(await runner.leaving()).toMatchObject([{ why: "asked" }]);
    // a runner that was started again and answered from what is known polls in the outage
    const poll = pollThrough(stack.url, id);
    await expect.poll(() => runner.leaving()).toEqual([]);
    await coordinator.start();
    expect((await poll).status).toBe(204);
    await expect.poll(() => runner.event(sessionId, 1)).toBe(201);
    expect(taken(coordinator)).not.toContain(`DELETE /runners/${id}`);
  });

  it("and registers again before that is no second one beside itself: what it left is removed first", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using stack = await startStack(coordinator.url, { runnerTimes: QUICK });
    const runner = runnerAt(stack);
    const id = await runner.register();
    const { sessionId } = coordinator.createSession();
    await runner.take(id);
    coordinator.faults.set([{ path: `/runners/${id}`, action: { kind: "status", status: 503 } }]);
    const left = await runner.leave(id);
    expect([left.status, left.headers.get("rr-answered-by")]).toEqual([200, "relay"]);
    coordinator.faults.clear();
    expect(await runner.register(), "the coordinator takes it for a duplicate at first").toBe(id);
    const calls = taken(coordinator);
    expect(calls.slice(calls.indexOf(`DELETE /runners/${id}`))).toEqual([
      `DELETE /runners/${id}`,
      "POST /runner/register",
    ]);
    expect(await runner.leaving()).toEqual([]);
    expect((await pollThrough(stack.url, id)).status).toBe(204);
    expect(coordinator.state.sessions.get(sessionId)?.status).toBe("failed");
    expect(await runner.event(sessionId, 1)).toBe(201);
  });

  it("waits for its reports for so long only: one that an operator holds back comes home later all the same", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using stack = await startStack(coordinator.url, { runnerTimes: { ...QUICK, latestMs: 4000 } });
    const runner = runnerAt(stack);
    const id = await runner.register();
    const { sessionId, runId } = coordinator.createSession();
    await runner.take(id);
    const control = await openControl(await stack.broker.connect("operator"), systemClock);
    await control.pauseSession(sessionId, "why");
    await expect
      .poll(async () => (await stack.relay.get("/status")).text)
      .toContain(`"sessions":["${sessionId}"]`);
    await runner.post(`/runner/runs/${runId}/stopped`, { runner_id: id, signal: "SIGTERM" });
    const left = await runner.leave(id);
    expect([left.status, left.headers.get("rr-answered-by")]).toEqual([200, "relay"]);
    expect(taken(coordinator)).not.toContain(`DELETE /runners/${id}`);
    await expect.poll(() => taken(coordinator).at(-1)).toBe(`DELETE /runners/${id}`);
    await control.resumeSession(sessionId);
    await expect
      .poll(() => taken(coordinator).slice(-2))
      .toEqual(["POST /runner/register", `POST /runner/runs/${runId}/stopped`]);
    expect(await runner.letters(sessionId)).toEqual([]);
  });
});

describe("a runner that removes itself where no relay is there", () => {
  it("is answered by the gateway, which keeps it through its own restart, and is removed when a relay is there", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using broker = await provisioned(await startTestBroker());
    await using folder = await dataFolder();
    const deps = { keptShield: keptShield(folder.path, "gw1", silentLogger()) };
    const gateway = await startTestGateway(broker, { hostname: "host-1" }, deps);
    const relay = await startTestRelay(broker, coordinator.url, { runnerTimes: QUICK });
    const runner = runnerAt({ url: gateway.url(), broker });
    const id = await runner.register();
    const { runId } = coordinator.createSession();
    await runner.take(id);
    await relay.close();
    expect(
      (await runner.post(`/runner/runs/${runId}/stopped`, { runner_id: id, signal: "SIGTERM" })).status,
    ).toBe(202);
    const left = await runner.leave(id);
    expect([left.status, left.headers.get("rr-answered-by"), await left.json()]).toMatchObject([
      200,
      "gateway",
      { ok: true },
    ]);
    const ready = await fetch(`${gateway.url()}/_relay/ready`);
    expect(await ready.json()).toMatchObject({ ready: true, leaving_runners: [id] });
    const file = join(folder.path, "gateway-gw1.removals.json");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await gateway.close();
    await using again = await startTestGateway(broker, { hostname: "host-1" }, deps);
    await using other = await startTestRelay(broker, coordinator.url, {
      relay: "relay-b",
      runnerTimes: QUICK,
    });
    await expect
      .poll(() => taken(coordinator).slice(-2))
      .toEqual([`POST /runner/runs/${runId}/stopped`, `DELETE /runners/${id}`]);
    await expect.poll(() => readFile(file, "utf8")).toBe("[]");
    expect([again.url(), other.fatal]).toEqual([expect.any(String), []]);
  });
});
