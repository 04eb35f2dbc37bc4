import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { openControl } from "../../../src/shared/log/state/control.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { pollThrough } from "../../support/runner-poll.ts";
import { startScriptedRunner } from "../../support/scripted-runner.ts";
import { createAppender } from "../../support/relay.ts";
import { startStack } from "./stack.ts";

const json = { "content-type": "application/json" };

describe("a runner behind the gateway", () => {
  it("ORDER-1: a run report stays behind its session's events, also through an outage", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using stack = await startStack(coordinator.url);
    const post = (path: string, body: unknown): Promise<Response> =>
      fetch(stack.url + path, { method: "POST", headers: json, body: JSON.stringify(body) });
    const registered = (await (
      await post("/runner/register", {
        hostname: "host-1",
        project_dir: "/p",
        executor_profile: "coding",
        executor: { type: "autonomous", command: "x", config: {} },
      })
    ).json()) as { runner_id: string };
    const { sessionId, runId } = coordinator.createSession();
    const poll = await pollThrough(stack.url, registered.runner_id);
    expect(await poll.json()).toMatchObject({ run: { run_id: runId, session_id: sessionId } });
    expect((await post(`/runner/runs/${runId}/started`, { runner_id: registered.runner_id })).status).toBe(
      200,
    );
    expect((await post("/bind", { session_id: sessionId, executor_session_id: "x" })).status).toBe(200);
    await coordinator.stop();
    await expect
      .poll(
        async () =>
          (await post("/events", { session_id: sessionId, event_type: "message", timestamp: "t" })).status,
      )
      .toBe(202);
    await post("/events", {
      session_id: sessionId,
      event_type: "result",
      timestamp: "u",
      result_text: "done",
      result_data: null,
    });
    expect((await post(`/runner/runs/${runId}/completed`, { runner_id: registered.runner_id })).status).toBe(
      202,
    );
    const heartbeat = await post("/runner/heartbeat", { runner_id: registered.runner_id });
    expect([heartbeat.status, heartbeat.headers.get("rr-answered-by")]).toEqual([200, "relay"]);
    await coordinator.start({ forgetRunners: true });
    await expect
      .poll(async () =>
        (await post("/runner/heartbeat", { runner_id: registered.runner_id })).headers.get("rr-answered-by"),
      )
      .toBe(null);
    await expect
      .poll(() => coordinator.writes().findLast(({ path }) => path !== "/runner/heartbeat")?.path)
      .toBe(`/runner/runs/${runId}/completed`);
    expect(await (await fetch(`${stack.url}/sessions/${sessionId}/result`)).json()).toMatchObject({
      result_text: "done",
    });
    const deleted = await fetch(`${stack.url}/sessions/${sessionId}`, { method: "DELETE" });
    expect(deleted.status).toBe(200);
  });

  it("ORDER-1: the deletion of a session waits for its events, also while they are held", async () => {
    await using coordinator = await startCoordinator();
    await using stack = await startStack(coordinator.url);
    coordinator.createSession("s1");
    const control = await openControl(await stack.broker.connect("operator"), systemClock);
    await control.pauseSession("s1", "why");
    const { append } = createAppender(await stack.broker.connect("gateway"));
    for (let i = 0; i < 3; i++) await append("s1");
    await expect
      .poll(async () => (await stack.relay.get("/status")).text)
      .toMatch(/"session":"s1"[^}]*"reason":"paused"/);
    const deleted = fetch(`${stack.url}/sessions/s1`, { method: "DELETE" });
    await control.resumeSession("s1");
    expect((await deleted).status).toBe(200);
    expect(coordinator.writes("s1").map(({ method }) => method)).toEqual(["POST", "POST", "POST", "DELETE"]);
  });

  it("a poll in an outage is held; when the coordinator is back, it ends and the runner polls anew", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using stack = await startStack(coordinator.url);
    await using runner = await startScriptedRunner(stack.url);
    await coordinator.stop();
    const before = { ...runner.answers };
    await expect.poll(() => runner.answers.relay).toBeGreaterThan(before.relay);
    await coordinator.start({ forgetRunners: true });
    const { runId } = coordinator.createSession();
    await expect.poll(() => runner.runs.map(([run]) => run)).toEqual([runId]);
    expect(runner.died()).toBeUndefined();
  });

  it("ORDER-1: a runner survives outages and a coordinator that forgot it; the run that ended meanwhile has its result", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using stack = await startStack(coordinator.url);
    await using runner = await startScriptedRunner(stack.url);
    const { sessionId, runId } = coordinator.createSession();
    await expect.poll(() => runner.runs).toEqual([[runId, sessionId]]);
    await coordinator.stop();
    await runner.work(runId, sessionId, 20);
    // heartbeats of more than the three seconds after which it dies of polls that fail
    const before = runner.answers.relay;
    await expect.poll(() => runner.answers.relay).toBeGreaterThan(before + 8);
    await coordinator.start({ forgetRunners: true });
    await expect
      .poll(() => coordinator.writes(sessionId).at(-1)?.path)
      .toBe(`/runner/runs/${runId}/completed`);
    const times = coordinator
      .writes(sessionId)
      .filter(({ path, status }) => path.endsWith("/events") && status === 201)
      .map(({ body }) => (JSON.parse(body ?? "") as { timestamp: string }).timestamp);
    expect(times).toEqual([...Array.from({ length: 20 }, (_, i) => `t${i}`), "u"]);
    const result = await fetch(`${stack.url}/sessions/${sessionId}/result`);
    expect(await result.json()).toMatchObject({ result_text: `result of ${sessionId}` });
    expect(runner.died()).toBeUndefined();
  });

  it("a heartbeat to a coordinator that hangs is answered before the runner gives up on it", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using stack = await startStack(coordinator.url);
    await using runner = await startScriptedRunner(stack.url);
    coordinator.faults.set([{ path: "/runner/heartbeat", action: { kind: "hang" } }]);
    const answer = await runner.post("/runner/heartbeat", { runner_id: "anyone" });
    expect([answer.status, answer.headers.get("rr-answered-by")]).toEqual([200, "relay"]);
    coordinator.faults.clear();
  });

  it("without the shield the runner sees the outage", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true, pollMs: 300 });
    await using stack = await startStack(coordinator.url, { shield: false });
    await using runner = await startScriptedRunner(stack.url);
    await coordinator.stop();
    await expect.poll(() => runner.died()).toMatch(/502 .*coordinator_unreachable/);
  });
});

describe("a runner that registers something else than the gateway writes", () => {
  const registration = (executor_profile: string, project_dir = "/p"): string =>
    JSON.stringify({
      hostname: "host-1",
      project_dir,
      executor_profile,
      executor: { type: "autonomous", command: "x", config: {} },
    });

  it("is served and named, and another kind is refused until it stops", async () => {
    await using coordinator = await startCoordinator({ pollMs: 300 });
    await using stack = await startStack(coordinator.url);
    const register = (body: string): Promise<Response> =>
      fetch(`${stack.url}/runner/register`, { method: "POST", headers: json, body });
    const mismatches = async (): Promise<unknown> =>
      ((await (await fetch(`${stack.url}/_relay/ready`)).json()) as { runner_mismatches?: unknown })
        .runner_mismatches ?? [];

    const first = await register(registration("autonomous"));
    expect(first.status).toBe(200);
    const { runner_id: runner } = (await first.json()) as { runner_id: string };
    expect(await mismatches()).toEqual([
      {
        runner_id: runner,
        registered: { hostname: "host-1", executor_profile: "autonomous" },
        written: { hostname: "host-1", executor_profile: "coding" },
      },
    ]);
    expect(await (await fetch(`${stack.url}/_relay/metrics`)).text()).toContain(
      "runner_relay_gateway_runner_mismatches 1",
    );

    expect((await register(registration("autonomous", "/q"))).status, "another folder").toBe(200);
    const refused = await register(registration("coding"));
    expect([refused.status, await refused.json()]).toMatchObject([409, { code: "runner_conflict" }]);
    expect(coordinator.writes().filter(({ path }) => path === "/runner/register")).toHaveLength(2);

    const stop = async (id: string): Promise<void> => {
      await (await fetch(`${stack.url}/runners/${id}?self=true`, { method: "DELETE" })).text();
    };
    await stop(runner);
    expect((await register(registration("coding"))).status, "the second one is still there").toBe(409);
    for (const { runner_id: id } of (await mismatches()) as { runner_id: string }[]) await stop(id);
    expect((await register(registration("coding"))).status).toBe(200);
    expect(await mismatches()).toEqual([]);
  });
});
