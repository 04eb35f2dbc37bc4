import { describe, expect, test } from "vitest";
import { startCoordinator, type TestCoordinator } from "../../support/coordinator.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

const RUNNER = {
  hostname: "h",
  project_dir: "/p",
  executor_profile: "p",
  executor: { type: "autonomous", command: "x" },
};

type Answer = { status: number; json: unknown };

async function call(
  { url }: TestCoordinator,
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<Answer> {
  const answer = await fetch(url + path, {
    method,
    // a kept connection would be closed by a restart
    headers: { "content-type": "application/json", connection: "close" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  const text = await answer.text();
  return { status: answer.status, json: text === "" ? undefined : (JSON.parse(text) as unknown) };
}

async function register(coordinator: TestCoordinator): Promise<string> {
  const { json } = await call(coordinator, "POST", "/runner/register", RUNNER);
  return (json as { runner_id: string }).runner_id;
}

const poll = (coordinator: TestCoordinator, id: string, signal?: AbortSignal): Promise<Answer> =>
  call(coordinator, "GET", `/runner/runs?runner_id=${id}`, undefined, signal);

/** Starts a poll and leaves it when the coordinator holds it. */
async function leavePoll(coordinator: TestCoordinator, id: string): Promise<void> {
  const leaving = new AbortController();
  const left = poll(coordinator, id, leaving.signal).catch(() => "left");
  await expect.poll(() => coordinator.state.polls.waiting()).toBeGreaterThan(0);
  leaving.abort();
  expect(await left).toBe("left");
}

async function started(coordinator: TestCoordinator, runner_id: string): Promise<string> {
  const { sessionId, runId } = coordinator.createSession();
  await poll(coordinator, runner_id);
  await call(coordinator, "POST", `/runner/runs/${runId}/started`, { runner_id });
  coordinator.state.setStatus(sessionId, "running");
  return sessionId;
}

const statusOf = (coordinator: TestCoordinator, session: string): string | undefined =>
  coordinator.state.sessions.get(session)?.status;

describe("ghost polls", () => {
  test("a poll whose client left takes the next run, which is then claimed and never handed out", async () => {
    await using coordinator = await startCoordinator();
    const id = await register(coordinator);
    await leavePoll(coordinator, id);
    const { runId } = coordinator.createSession();
    const { runs } = (await call(coordinator, "GET", "/runs?status=claimed")).json as { runs: unknown[] };
    expect(runs).toMatchObject([{ run_id: runId, runner_id: id, started_at: null }]);
  });

  test("a ghost poll ends with its time", async () => {
    await using coordinator = await startCoordinator({ pollMs: 200 });
    const id = await register(coordinator);
    await leavePoll(coordinator, id);
    await expect.poll(() => coordinator.state.polls.waiting()).toBe(0);
    const { runId } = coordinator.createSession();
    expect((await poll(coordinator, id)).json).toMatchObject({ run: { run_id: runId } });
  });

  test("a restart of the coordinator ends ghost polls", async () => {
    await using coordinator = await startCoordinator();
    await leavePoll(coordinator, await register(coordinator));
    await coordinator.stop();
    await coordinator.start({ forgetRunners: true });
    const { runId } = coordinator.createSession();
    expect((await poll(coordinator, await register(coordinator))).json).toMatchObject({
      run: { run_id: runId },
    });
  });

  test("where they are not asked for, whose client left takes no run", async () => {
    await using coordinator = await startCoordinator({ ghostPolls: false });
    const id = await register(coordinator);
    await leavePoll(coordinator, id);
    await expect.poll(() => coordinator.state.polls.waiting()).toBe(0);
    const { runId } = coordinator.createSession();
    expect((await poll(coordinator, id)).json).toMatchObject({ run: { run_id: runId } });
  });
});

describe("registration and its end", () => {
  test("an identity that is online is refused, and taken back when it was silent for 120 s", async () => {
    const clock = createFakeClock();
    await using coordinator = await startCoordinator({ clock });
    const id = await register(coordinator);
    const again = await call(coordinator, "POST", "/runner/register", RUNNER);
    expect(again).toMatchObject({
      status: 409,
      json: { detail: { error: "duplicate_runner", runner_id: id, hostname: "h", project_dir: "/p" } },
    });
    clock.jump(120_000);
    expect(await call(coordinator, "POST", "/runner/register", RUNNER)).toMatchObject({
      status: 200,
      json: { runner_id: id },
    });
  });

  test("a runner that was silent for 600 s is unknown, and its runs' sessions failed", async () => {
    const clock = createFakeClock();
    await using coordinator = await startCoordinator({ clock });
    const id = await register(coordinator);
    const session = await started(coordinator, id);
    clock.jump(600_000);
    expect((await poll(coordinator, id)).status).toBe(401);
    expect(statusOf(coordinator, session)).toBe("failed");
  });

  test("a runner that leaves is unknown at once: its runs' sessions fail, its idle ones finish", async () => {
    await using coordinator = await startCoordinator();
    const runner_id = await register(coordinator);
    const idle = await started(coordinator, runner_id);
    const [idleRun] = coordinator.state.runs.list();
    await call(coordinator, "POST", `/runner/runs/${idleRun?.run_id}/completed`, {
      runner_id,
      session_status: "idle",
    });
    const running = await started(coordinator, runner_id);
    expect([statusOf(coordinator, idle), statusOf(coordinator, running)]).toEqual(["idle", "running"]);
    expect(await call(coordinator, "DELETE", `/runners/${runner_id}?self=true`)).toEqual({
      status: 200,
      json: { ok: true, message: "Runner deregistered", initiated_by: "self" },
    });
    expect([statusOf(coordinator, idle), statusOf(coordinator, running)]).toEqual(["finished", "failed"]);
    expect((await poll(coordinator, runner_id)).status).toBe(401);
    expect(await call(coordinator, "DELETE", `/runners/${runner_id}?self=true`)).toEqual({
      status: 404,
      json: { detail: "Runner not found" },
    });
  });

  test("the failed run of a runner that left is shown as running until the coordinator restarts, as at the real one", async () => {
    await using coordinator = await startCoordinator();
    const id = await register(coordinator);
    await started(coordinator, id);
    const [run] = coordinator.state.runs.list();
    await call(coordinator, "DELETE", `/runners/${id}?self=true`);
    const shown = async (): Promise<unknown> => (await call(coordinator, "GET", `/runs/${run?.run_id}`)).json;
    expect(await shown()).toMatchObject({ status: "running", error: null });
    await coordinator.stop();
    await coordinator.start({ forgetRunners: true });
    expect(await shown()).toMatchObject({
      status: "failed",
      error: "Runner disconnected during execution",
      completed_at: expect.any(String) as string,
    });
  });

  test("a runner that others deregister learns it from its poll, the held one or the next", async () => {
    await using coordinator = await startCoordinator();
    const id = await register(coordinator);
    const held = poll(coordinator, id);
    await expect.poll(() => coordinator.state.polls.waiting()).toBe(1);
    expect((await call(coordinator, "DELETE", `/runners/${id}`)).json).toMatchObject({
      initiated_by: "external",
    });
    expect(await held).toEqual({ status: 200, json: { deregistered: true } });
    expect((await poll(coordinator, id)).status).toBe(401);

    await register(coordinator);
    await call(coordinator, "DELETE", `/runners/${id}`);
    expect((await poll(coordinator, id)).json).toEqual({ deregistered: true });
  });

  test("GET /runners lists them with their age", async () => {
    const clock = createFakeClock();
    await using coordinator = await startCoordinator({ clock });
    const runner_id = await register(coordinator);
    clock.jump(7000);
    expect((await call(coordinator, "GET", "/runners")).json).toEqual({
      runners: [
        expect.objectContaining({ ...RUNNER, runner_id, status: "online", seconds_since_heartbeat: 7 }),
      ],
    });
  });
});

describe("stops", () => {
  test.each(["run", "session"] as const)(
    "a stop of a %s reaches the held poll of its runner",
    async (what) => {
      await using coordinator = await startCoordinator();
      const id = await register(coordinator);
      const session = await started(coordinator, id);
      const [run] = coordinator.state.runs.list();
      const held = poll(coordinator, id);
      await expect.poll(() => coordinator.state.polls.waiting()).toBe(1);
      const path = what === "run" ? `/runs/${run?.run_id}/stop` : `/sessions/${session}/stop`;
      expect(await call(coordinator, "POST", path)).toEqual({
        status: 200,
        json: { ok: true, run_id: run?.run_id, session_id: session, status: "stopping" },
      });
      expect((await held).json).toEqual({ stop_sessions: [session] });
      expect([run?.status, statusOf(coordinator, session)]).toEqual(["stopping", "stopping"]);
      await call(coordinator, "POST", `/runner/runs/${run?.run_id}/stopped`, { runner_id: id });
      expect([run?.status, statusOf(coordinator, session)]).toEqual(["stopped", "stopped"]);
    },
  );

  test("a poll whose client left takes stop commands with it", async () => {
    await using coordinator = await startCoordinator({ pollMs: 1000 });
    const id = await register(coordinator);
    const session = await started(coordinator, id);
    await leavePoll(coordinator, id);
    await call(coordinator, "POST", `/sessions/${session}/stop`);
    expect((await poll(coordinator, id)).status).toBe(204);
  });

  test("a run that no runner took is stopped at once", async () => {
    await using coordinator = await startCoordinator();
    const { runId, sessionId } = coordinator.createSession();
    expect((await call(coordinator, "POST", `/runs/${runId}/stop`)).json).toMatchObject({
      status: "stopped",
    });
    expect(statusOf(coordinator, sessionId)).toBe("stopped");
    expect((await call(coordinator, "POST", `/sessions/${sessionId}/stop`)).json).toMatchObject({
      message: "Session already stopped",
    });
  });

  test("a stop that cannot reach a runner is refused", async () => {
    await using coordinator = await startCoordinator();
    const id = await register(coordinator);
    const session = await started(coordinator, id);
    await coordinator.stop();
    await coordinator.start({ forgetRunners: true });
    expect(await call(coordinator, "POST", `/sessions/${session}/stop`)).toEqual({
      status: 500,
      json: { detail: "Failed to queue stop command" },
    });
  });

  test("unknown runs and sessions are 404", async () => {
    await using coordinator = await startCoordinator();
    expect((await call(coordinator, "POST", "/runs/r/stop")).json).toEqual({ detail: "Run not found" });
    expect((await call(coordinator, "POST", "/sessions/s/stop")).json).toEqual({
      detail: "Session not found",
    });
  });
});

test("scope and blueprint of a run are in the poll's answer, and nowhere else", async () => {
  await using coordinator = await startCoordinator();
  const procedural = { ...RUNNER, executor: { type: "procedural", command: "x" } };
  const { json } = await call(coordinator, "POST", "/runner/register", procedural);
  const id = (json as { runner_id: string }).runner_id;
  await call(coordinator, "POST", "/runs", {
    type: "start_session",
    agent_name: "echo",
    parameters: { message: "m" },
    scope: { tenant: "t" },
  });
  const { run } = (await poll(coordinator, id)).json as { run: Record<string, unknown> };
  expect(run).toMatchObject({ scope: { tenant: "t" }, resolved_agent_blueprint: { name: "echo" } });
  const { scope: _, resolved_agent_blueprint: __, ...rest } = run;
  expect((await call(coordinator, "GET", `/runs/${String(run["run_id"])}`)).json).toEqual(rest);
  expect((await call(coordinator, "GET", "/runs?status=claimed")).json).toEqual({ runs: [rest] });
});
