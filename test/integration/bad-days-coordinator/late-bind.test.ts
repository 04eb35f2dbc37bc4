import { expect, it } from "vitest";
import { appendTo, expectAllDelivered, expectTold, startDay, type Day } from "./day.ts";
import { eventually } from "../../support/eventually.ts";

const BIND = { executor_session_id: "e-1", hostname: "dev-machine", executor_profile: "coding" };
/** Longer ago than an executor waits. */
const LATE = 60_000;

/** A bind that was accepted some time ago. */
function bindLate(day: Day, session: string): Promise<{ id: string; seq: number }> {
  return day.append(session, BIND, { kind: "bind", at: Date.now() - LATE });
}

function statusOf(day: Day, session: string): string | undefined {
  return day.coordinator.state.sessions.get(session)?.status;
}

it.concurrent("a late bind of a session that is over, without an active run, is superseded: its result stays visible", async () => {
  await using day = await startDay();
  const { sessionId, runId } = day.coordinator.createSession();
  const run = day.coordinator.state.runs.get(runId);
  const session = day.coordinator.state.sessions.get(sessionId);
  if (run === undefined || session === undefined) throw new Error("no session");
  run.status = "completed";
  session.status = "finished";
  await day.relay();
  const bind = await bindLate(day, sessionId);
  const after = await day.append(sessionId);
  await eventually(() => expect(day.applied(sessionId)).toEqual([after.id]));
  expect(statusOf(day, sessionId)).toBe("finished");
  expect(day.coordinator.writes(sessionId).some((entry) => entry.key === bind.id)).toBe(false);
  await eventually(() =>
    expect(day.lines).toContainEqual(expect.objectContaining({ msg: "bind superseded", event: bind.id })),
  );
  expect(await day.dead()).toEqual([]);
});

it.concurrent("a late bind of a finished session with an active run is a resume: it is sent", async () => {
  await using day = await startDay();
  const { sessionId } = day.coordinator.createSession();
  const session = day.coordinator.state.sessions.get(sessionId);
  if (session === undefined) throw new Error("no session");
  session.status = "finished";
  await day.relay();
  const bind = await bindLate(day, sessionId);
  await eventually(() => expect(day.applied(sessionId)).toEqual([bind.id]));
  expect(statusOf(day, sessionId)).toBe("running");
});

it.concurrent("a late bind of a session that is not over is sent; a fresh one asks nothing", async () => {
  await using day = await startDay();
  const { sessionId } = day.coordinator.createSession();
  await day.relay();
  const late = await bindLate(day, sessionId);
  const fresh = await day.append(sessionId, BIND, { kind: "bind" });
  await eventually(() => expect(day.applied(sessionId)).toEqual([late.id, fresh.id]));
  expect(day.coordinator.ledger().filter((entry) => entry.path.endsWith("/status"))).toHaveLength(1);
});

it.concurrent.each(["/status$", "^/runs$"])("a late bind waits while %s cannot be read", async (path) => {
  await using day = await startDay();
  const { sessionId, runId } = day.coordinator.createSession();
  const session = day.coordinator.state.sessions.get(sessionId);
  if (session === undefined) throw new Error("no session");
  session.status = "finished";
  day.coordinator.faults.set([{ path, times: 2, action: { kind: "status", status: 500 } }]);
  await day.relay();
  const bind = await bindLate(day, sessionId);
  await expectAllDelivered(day, new Map([[sessionId, [bind.id]]]));
  expect(day.coordinator.state.runs.get(runId)?.status).toBe("pending");
});

it.concurrent("credentials that are refused when a late bind asks pause the relay as for any event", async () => {
  await using day = await startDay({ token: "the-api-key" });
  const { sessionId } = day.coordinator.createSession();
  day.coordinator.faults.set([
    { path: "^/sessions", action: { kind: "status", status: 401, body: { detail: "no" } } },
  ]);
  await day.relay({ env: { RUNNER_RELAY_API_KEY: "the-api-key" } });
  const bind = await bindLate(day, sessionId);
  await expectTold(day, "paused", "unauthorized");
  day.coordinator.faults.clear();
  await expectAllDelivered(day, new Map([[sessionId, [bind.id]]]));
});

it.concurrent("a coordinator that goes away while only late binds wait is noticed", async () => {
  await using day = await startDay();
  await day.relay();
  await expectAllDelivered(day, await appendTo(day, ["ses_a"], 1));
  await day.coordinator.stop();
  const bind = await bindLate(day, "ses_b");
  await expectTold(day, "away", "breaker_open");
  await day.coordinator.start();
  await expectAllDelivered(day, new Map([["ses_b", [bind.id]]]));
});
