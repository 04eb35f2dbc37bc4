import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { call, startTestGateway, type Reply } from "../gateway/harness.ts";
import { startDay } from "../bad-days-coordinator/day.ts";
import { eventually } from "../../support/eventually.ts";

type Sample = {
  request: { method: string; path: string; headers: Record<string, string>; body: string };
  /** What the original gateway made of it, and what the real coordinator answered. */
  coordinator: { method: string; path: string; body: string; status: number; answer: string };
};

const FILE = new URL("../../fixtures/samples/executor-calls.ndjson", import.meta.url);
const SAMPLES = readFileSync(FILE, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Sample);

/** The one call that the original passed on as it came, so that the coordinator refused it; ours is enriched and accepted. */
const DIRECT_BIND = "/sessions/ses_def136d56df4/bind";
/** Passed through. */
const PASSED = "/agents/echo";

it("recorded calls of real executors arrive at the coordinator as they did, and are answered as they were", async () => {
  await using day = await startDay({ autoCreateSessions: false });
  await day.relay();
  await using gateway = await startTestGateway(day.broker, { gateway: "gw2" });
  const sessions = new Set(
    SAMPLES.flatMap(({ coordinator }) => /^\/sessions\/([^/]+)/.exec(coordinator.path)?.[1] ?? []),
  );
  for (const session of sessions) day.coordinator.createSession(session);
  await eventually(async () => {
    const { json } = await call(gateway.url(), "GET", "/_relay/ready");
    expect(json).toMatchObject({ dependencies: { relay: { state: "up" }, coordinator: { state: "up" } } });
  });

  const arrivals = (): { method: string; path: string; body: string | undefined }[] =>
    day.coordinator.writes().map(({ method, path, body }) => ({ method, path, body }));
  let arrived = 0;
  for (const { request, coordinator } of SAMPLES) {
    const reply = await call(gateway.url(), request.method, request.path, request.body, request.headers);
    if (request.path === PASSED) {
      expectAnswer(reply, coordinator);
      const asked = day.coordinator.ledger().filter(({ path }) => path === PASSED);
      expect(asked.map(({ method }) => method)).toEqual([request.method]);
      continue;
    }
    const seen = arrivals()[arrived++]; // the answer is the coordinator's own, so it has the call already
    expect(seen).toMatchObject({ method: coordinator.method, path: coordinator.path });
    if (coordinator.path.endsWith("/events")) expect(seen?.body).toBe(request.body); // byte for byte
    const direct = request.path === DIRECT_BIND;
    expect(JSON.parse(seen?.body ?? "")).toEqual({
      ...(JSON.parse(coordinator.body) as object),
      ...(direct ? { hostname: "dev-machine", executor_profile: "coding" } : {}),
    });
    expectAnswer(reply, direct ? { status: 200, answer: '{"ok":true}' } : coordinator);
  }
  expect(arrivals()).toHaveLength(SAMPLES.length - 1);
  expect(day.coordinator.state.sessions.get("ses_def136d56df4")).toMatchObject({
    status: "running",
    executor_session_id: "echo-ses_def136d56df4",
    hostname: "dev-machine",
  });
  const refused = SAMPLES.filter(
    ({ request, coordinator }) => coordinator.status === 422 && request.path !== DIRECT_BIND,
  );
  const letters = await day.dead();
  expect(letters.map(({ status, answered }) => ({ status, answered }))).toEqual(
    refused.map(() => ({ status: 422, answered: true })), // the executor saw the refusal itself
  );
});

/** Sessions carry times of their day; everything else is the same. */
function expectAnswer(reply: Reply, recorded: { status: number; answer: string }): void {
  expect(reply.status).toBe(recorded.status);
  const { session: _, ...rest } = JSON.parse(recorded.answer) as Record<string, unknown>;
  expect(reply.json).toMatchObject(rest);
  expect(reply.headers["content-type"]).toMatch(/^application\/json/);
}
