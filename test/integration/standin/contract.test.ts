import { describe, expect, test } from "vitest";
import { startCoordinator, type TestCoordinator } from "../../support/coordinator.ts";
import { eventually } from "../../support/eventually.ts";

function post(coordinator: TestCoordinator, path: string, body: unknown, headers = {}): Promise<Response> {
  return fetch(coordinator.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

function event(session_id: string, more = {}): Record<string, unknown> {
  return { event_type: "message", session_id, timestamp: "2026-01-01T00:00:00Z", ...more };
}

const BIND = { executor_session_id: "x", hostname: "h", executor_profile: "p" };
const RUNNER = { hostname: "h", project_dir: "/p", executor_profile: "p", executor: { type: "autonomous" } };

async function register(coordinator: TestCoordinator): Promise<string> {
  const answer = await post(coordinator, "/runner/register", RUNNER);
  return ((await answer.json()) as { runner_id: string }).runner_id;
}

describe("credentials", () => {
  test.each([
    [undefined, 401],
    ["Bearer", 401],
    ["Basic c2VjcmV0", 401],
    ["Bearer a b", 401],
    ["Bearer wrong", 403],
    ["bearer secret", 200],
    ["Bearer secret", 200],
  ])("authorization %j is answered %i", async (authorization, status) => {
    await using coordinator = await startCoordinator({ token: "secret" });
    const headers = authorization === undefined ? {} : { authorization };
    const got = await fetch(`${coordinator.url}/sessions`, { headers });
    expect(got.status).toBe(status);
    if (status >= 400) expect(await got.json()).toEqual({ detail: expect.any(String) });
  });

  test("an unknown route is 404 before anybody asks for credentials", async () => {
    await using coordinator = await startCoordinator({ token: "secret" });
    expect((await fetch(`${coordinator.url}/nowhere`)).status).toBe(404);
  });
});

describe("sessions", () => {
  test("a bind that comes after the end opens the session again, and its result is gone until it ends once more", async () => {
    await using coordinator = await startCoordinator();
    const { sessionId, runId } = coordinator.createSession();
    const runner_id = await register(coordinator);
    await post(
      coordinator,
      `/sessions/${sessionId}/events`,
      event(sessionId, { event_type: "result", result_text: "1" }),
    );
    await post(coordinator, `/runner/runs/${runId}/completed`, { runner_id });
    const result = `${coordinator.url}/sessions/${sessionId}/result`;
    expect(await (await fetch(result)).json()).toEqual({ result_text: "1", result_data: null });
    await post(coordinator, `/sessions/${sessionId}/bind`, BIND);
    expect((await fetch(result)).status).toBe(400);
  });

  test("an unknown session is created by a write where that is wanted", async () => {
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    expect((await post(coordinator, "/sessions/new%201/bind", BIND)).status).toBe(200);
    expect((await post(coordinator, "/sessions/new2/events", event("new2"))).status).toBe(201);
    const { sessions } = (await (await fetch(`${coordinator.url}/sessions`)).json()) as {
      sessions: { session_id: string }[];
    };
    expect(sessions.map((session) => session.session_id)).toEqual(["new2", "new 1"]);
  });

  test("a path with a slash too many is redirected, as the framework does", async () => {
    await using coordinator = await startCoordinator();
    const got = await fetch(`${coordinator.url}/sessions/?a=1`, { redirect: "manual" });
    expect(got.status).toBe(307);
    expect(got.headers.get("location")).toBe(`${coordinator.url}/sessions?a=1`);
  });
});

describe("runs", () => {
  test("a long-poll is answered when a run comes, and with 204 when none does", async () => {
    await using coordinator = await startCoordinator({ pollMs: 100 });
    const runner_id = await register(coordinator);
    const poll = (): Promise<Response> => fetch(`${coordinator.url}/runner/runs?runner_id=${runner_id}`);
    expect((await poll()).status).toBe(204);
    const waiting = poll();
    const { run_id } = (await (
      await post(coordinator, "/runs", { type: "start_session", parameters: { prompt: "p" } })
    ).json()) as { run_id: string };
    expect(await (await waiting).json()).toMatchObject({ run: { run_id, status: "claimed", runner_id } });
  });

  test("a run of the procedural echo agent waits for a runner of that type", async () => {
    await using coordinator = await startCoordinator({ pollMs: 50 });
    const runner_id = await register(coordinator);
    await post(coordinator, "/runs", { type: "start_session", agent_name: "echo" });
    expect((await fetch(`${coordinator.url}/runner/runs?runner_id=${runner_id}`)).status).toBe(204);
  });

  test("a resumed session stays finished until it is bound, and its run is active meanwhile", async () => {
    await using coordinator = await startCoordinator();
    const { sessionId, runId } = coordinator.createSession();
    const runner_id = await register(coordinator);
    await post(coordinator, `/runner/runs/${runId}/completed`, { runner_id });
    const resumed = await post(coordinator, "/runs", { type: "resume_session", session_id: sessionId });
    expect(resumed.status).toBe(201);
    const status = await (await fetch(`${coordinator.url}/sessions/${sessionId}/status`)).json();
    expect(status).toEqual({ status: "finished" });
    const { runs } = (await (await fetch(`${coordinator.url}/runs`)).json()) as {
      runs: { status: string }[];
    };
    expect(runs.map((run) => run.status)).toEqual(["completed", "pending"]);
  });

  test("a resumed run goes only to a runner with the host name and the profile of the bind", async () => {
    await using coordinator = await startCoordinator({ pollMs: 50 });
    const runner_id = await register(coordinator);
    const elsewhere = coordinator.createSession().sessionId;
    const here = coordinator.createSession().sessionId;
    for (const run of coordinator.state.runs.list()) {
      await post(coordinator, `/runner/runs/${run.run_id}/completed`, { runner_id });
    }
    await post(coordinator, `/sessions/${elsewhere}/bind`, { ...BIND, hostname: "other" });
    await post(coordinator, `/sessions/${here}/bind`, BIND);
    for (const session_id of [elsewhere, here]) {
      await post(coordinator, "/runs", { type: "resume_session", session_id });
    }
    const poll = (): Promise<Response> => fetch(`${coordinator.url}/runner/runs?runner_id=${runner_id}`);
    expect(await (await poll()).json()).toMatchObject({ run: { session_id: here } });
    expect((await poll()).status).toBe(204);
  });

  test("a restart forgets the runners, and only them", async () => {
    await using coordinator = await startCoordinator();
    const { sessionId } = coordinator.createSession();
    const runner_id = await register(coordinator);
    await coordinator.stop();
    await expect(fetch(`${coordinator.url}/health`)).rejects.toThrow();
    await coordinator.start({ forgetRunners: true });
    const beat = await post(coordinator, "/runner/heartbeat", { runner_id });
    expect([beat.status, await beat.json()]).toEqual([401, { detail: "Runner not registered" }]);
    expect((await fetch(`${coordinator.url}/sessions/${sessionId}`)).status).toBe(200);
  });
});

test("a stream of session events starts with what is there, follows one session, and beats", async () => {
  await using coordinator = await startCoordinator({ heartbeatMs: 30 });
  const one = coordinator.createSession().sessionId;
  const other = coordinator.createSession().sessionId;
  const stream = await fetch(`${coordinator.url}/sse/sessions?session_id=${one}`);
  expect(stream.headers.get("content-type")).toMatch(/^text\/event-stream/);
  let text = "";
  const reading = (async () => {
    for await (const chunk of stream.body ?? []) text += Buffer.from(chunk as Uint8Array).toString();
  })();
  await eventually(() =>
    expect(text).toMatch(/^id: \d+-ini-\d{3}\nevent: init\ndata: {"sessions":\[{.*}\]}\n\n/),
  );
  await post(coordinator, `/sessions/${other}/events`, event(other));
  await post(coordinator, `/sessions/${one}/events`, event(one));
  await eventually(() => expect(text).toContain(": heartbeat\n\n"));
  await eventually(() => expect(text).toContain("event: event\n"));
  expect(text).toContain(one);
  expect(text).not.toContain(other);
  await coordinator.stop();
  await expect(reading).rejects.toThrow();
});

describe("the batch endpoint", () => {
  test("judges each item as if it came alone and records each", async () => {
    await using coordinator = await startCoordinator({ batch: true });
    const { sessionId } = coordinator.createSession();
    const events = [
      { key: "k1", session_id: sessionId, seq: "e-1", body: event(sessionId, { marker: "m1" }) },
      { key: "k2", session_id: sessionId, seq: "e-2", body: event("other") },
      { key: "k3", session_id: sessionId, seq: "e-3", body: event(sessionId, { error: 1 }) },
    ];
    const got = await post(coordinator, `/sessions/${sessionId}/events:batch`, { events });
    expect(got.status).toBe(200);
    expect(await got.json()).toEqual({
      results: [
        { key: "k1", status: 201 },
        { key: "k2", status: 400, detail: "Event session_id must match URL session_id" },
        { key: "k3", status: 422, detail: [expect.objectContaining({ type: "string_type" })] },
      ],
    });
    const items = coordinator.writes(sessionId).filter((entry) => entry.key !== undefined);
    expect(items).toMatchObject([
      { key: "k1", sessionSeq: "e-1", marker: "m1", status: 201, applied: true },
      { key: "k2", status: 400, applied: false },
      { key: "k3", status: 422, applied: false },
    ]);
  });

  test("is not there unless it is asked for", async () => {
    await using coordinator = await startCoordinator();
    expect((await post(coordinator, "/sessions/s/events:batch", { events: [] })).status).toBe(404);
  });
});
