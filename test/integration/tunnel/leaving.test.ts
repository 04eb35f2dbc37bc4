import { describe, expect, it } from "vitest";
import { startProcesses } from "../../faults/processes.ts";
import { pollThrough } from "../../support/runner-poll.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { startStack } from "./stack.ts";
import { QUICK, runnerAt, taken, outage } from "./leaving-runner.ts";

describe("a runner that stopped in an outage", () => {
  it("SETTLE-1: its report is delivered to a coordinator that forgot it, its session continues, and then it is removed", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using stack = await startStack(coordinator.url, { runnerTimes: QUICK });
    const runner = runnerAt(stack);
    const id = await runner.register();
    const { sessionId, runId } = coordinator.createSession();
    expect(await runner.take(id)).toBe(runId);
    await outage(coordinator, runner, sessionId);
    const stopped = await runner.post(`/runner/runs/${runId}/stopped`, { runner_id: id, signal: "SIGTERM" });
    expect(stopped.status).toBe(202);
    expect(await runner.event(sessionId, 1)).toBe(202);
    await coordinator.start({ forgetRunners: true });
    await expect
      .poll(() => taken(coordinator).slice(-3))
      .toEqual([
        "POST /runner/register",
        `POST /runner/runs/${runId}/stopped`,
        `POST /sessions/${sessionId}/events`,
      ]);
    expect(await runner.leaving()).toMatchObject([{ runner: id, why: "returned", session: sessionId }]);
    await expect.poll(() => taken(coordinator).at(-1)).toBe(`DELETE /runners/${id}`);
    await expect.poll(() => runner.leaving()).toEqual([]);
    expect(await runner.letters(sessionId)).toEqual([]);
  });

  it("SETTLE-1: without its registration, the report becomes a dead letter that says so, and its session continues", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using stack = await startStack(coordinator.url, { runnerTimes: QUICK });
    const runner = runnerAt(stack);
    const { sessionId, runId } = coordinator.createSession();
    const began = performance.now();
    const stopped = await runner.post(`/runner/runs/${runId}/stopped`, { runner_id: "lnch_unknown" });
    expect(stopped.status).toBe(202);
    expect(await runner.event(sessionId, 1)).toBe(202);
    await expect
      .poll(() => runner.leaving())
      .toMatchObject([{ runner: "lnch_unknown", why: "missing", session: sessionId }]);
    await expect.poll(() => taken(coordinator)).toContain(`POST /sessions/${sessionId}/events`);
    expect(performance.now() - began).toBeGreaterThan(QUICK.homeWithinMs);
    expect(await runner.letters(sessionId)).toMatchObject([
      {
        kind: "run",
        status: 401,
        reason:
          "runner lnch_unknown is gone: the coordinator does not know it, and what it registered is not kept",
      },
    ]);
    await expect.poll(() => runner.leaving()).toEqual([]);
  });

  it("with the usual times its session continues within 60 s of the coordinator's return, even without its registration", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using stage = await startProcesses(coordinator.url);
    const runner = runnerAt({ url: stage.gateway.url(), broker: stage.broker });
    const { sessionId, runId } = coordinator.createSession();
    expect((await fetch(`${stage.gateway.url()}/runs/${runId}`)).status).toBe(200); // whose run it is
    await outage(coordinator, runner, sessionId);
    const stopped = await runner.post(`/runner/runs/${runId}/stopped`, { runner_id: "lnch_unknown" });
    expect(stopped.status).toBe(202);
    expect(await runner.event(sessionId, 1)).toBe(202);
    await coordinator.start({ forgetRunners: true });
    const events = (): number =>
      taken(coordinator).filter((call) => call === `POST /sessions/${sessionId}/events`).length;
    const before = events();
    await expect.poll(events).toBeGreaterThan(before + 1);
    expect(await runner.letters(sessionId)).toMatchObject([{ kind: "run", status: 401 }]);
  }, 180_000);

  it("a registration that the coordinator refuses ends as a dead letter too, with its words", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using stack = await startStack(coordinator.url, { runnerTimes: QUICK });
    const runner = runnerAt(stack);
    const id = await runner.register();
    const { sessionId, runId } = coordinator.createSession();
    await runner.take(id);
    await outage(coordinator, runner, sessionId);
    expect((await runner.post(`/runner/runs/${runId}/completed`, { runner_id: id })).status).toBe(202);
    const detail = { error: "agent_name_collision", message: "Agent 'a' is already registered" };
    coordinator.faults.set([
      { path: "/runner/register", action: { kind: "status", status: 409, body: { detail } } },
    ]);
    await coordinator.start({ forgetRunners: true });
    await expect
      .poll(() => runner.letters(sessionId))
      .toMatchObject([{ kind: "run", reason: expect.stringContaining("Agent 'a' is already registered") }]);
    await expect.poll(() => runner.event(sessionId, 1)).toBe(201);
  });

  it("one that lives is not removed: it is heard again", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using stack = await startStack(coordinator.url, { runnerTimes: { ...QUICK, silentMs: 60_000 } });
    const runner = runnerAt(stack);
    const id = await runner.register();
    const { sessionId, runId } = coordinator.createSession();
    await runner.take(id);
    await outage(coordinator, runner, sessionId);
    expect((await runner.post(`/runner/runs/${runId}/completed`, { runner_id: id })).status).toBe(202);
    await coordinator.start({ forgetRunners: true });
    await expect.poll(() => runner.leaving()).toMatchObject([{ why: "returned" }]);
    // it polls until then, as runners do: a poll between the two notes about it is forgotten by the second
    await expect
      .poll(async () => {
        expect((await pollThrough(stack.url, id)).status).toBe(204);
        return runner.leaving();
      })
      .toEqual([]);
    await expect.poll(() => taken(coordinator)).toContain(`POST /runner/runs/${runId}/completed`);
    expect(taken(coordinator)).not.toContain(`DELETE /runners/${id}`);
  });
});
