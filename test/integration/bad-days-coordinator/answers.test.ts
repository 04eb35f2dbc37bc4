import { expect, it } from "vitest";
import type { FaultAction } from "../../support/coordinator.ts";
import { appendTo, attemptsOf, expectAllDelivered, expectTold, startDay } from "./day.ts";
import { eventually } from "../../support/eventually.ts";

const json = (status: number, body: Record<string, unknown>): FaultAction => ({
  kind: "status",
  status,
  body,
});

it.concurrent.each<[string, FaultAction]>([
  ["408", json(408, { detail: "slow" })],
  ["425", json(425, { detail: "early" })],
  ["500", json(500, { detail: "broken" })],
  ["503 of an ingress", { kind: "status", status: 503, body: "<h1>503</h1>" }],
  ["404 of an ingress", { kind: "status", status: 404, body: "<h1>404</h1>" }],
  ["200 without a JSON object", { kind: "status", status: 200, body: "<h1>Welcome</h1>" }],
  ["garbage instead of HTTP", { kind: "garbage" }],
  ["a reset before the head", { kind: "reset", at: "before_head" }],
])("SETTLE-1, ORDER-1: %s is tried again, the next event waits, both arrive", async (_, action) => {
  await using day = await startDay();
  await day.relay();
  day.coordinator.faults.set([{ session: "ses_a", times: 2, action }]);
  const ids = await appendTo(day, ["ses_a", "ses_b"], 2);
  await expectAllDelivered(day, ids);
  const [first = ""] = ids.get("ses_a") ?? [];
  expect(attemptsOf(day, first)).toHaveLength(3);
});

it.concurrent("SETTLE-1: an unknown session's event is a dead letter, the next session's is delivered", async () => {
  await using day = await startDay({ autoCreateSessions: false });
  const { sessionId } = day.coordinator.createSession();
  await day.relay();
  const lost = await day.append("ses_unknown");
  const fine = await day.append(sessionId);
  await eventually(() => expect(day.applied(sessionId)).toEqual([fine.id]));
  await eventually(async () =>
    expect(await day.dead()).toMatchObject([
      {
        id: lost.id,
        session: "ses_unknown",
        status: 404,
        attempts: 1,
        reason: "Session not found",
        origSeq: lost.seq,
      },
    ]),
  );
});

it.concurrent.each([400, 413, 415, 422])(
  "SETTLE-1: %i in the coordinator's form is a dead letter with status and reason, its neighbours are delivered",
  async (status) => {
    await using day = await startDay();
    await day.relay();
    day.coordinator.faults.set([{ body: "poison", action: json(status, { detail: [{ msg: "no good" }] }) }]);
    const before = await day.append("ses_a");
    const bad = await day.append("ses_a", { content: "poison" });
    const after = await day.append("ses_a");
    await eventually(() => expect(day.applied("ses_a")).toEqual([before.id, after.id]));
    await eventually(async () =>
      expect(await day.dead()).toMatchObject([{ id: bad.id, status, attempts: 1, reason: "no good" }]),
    );
  },
);

it.concurrent("ONCE-1: 409 that says duplicate is delivered, and not sent again; another 409 is a dead letter", async () => {
  await using day = await startDay();
  await day.relay();
  day.coordinator.faults.set([
    { body: "twice", action: json(409, { detail: "duplicate event" }) },
    { body: "clash", action: json(409, { detail: "session is locked" }) },
  ]);
  const twice = await day.append("ses_a", { content: "twice" });
  const clash = await day.append("ses_a", { content: "clash" });
  const after = await day.append("ses_a");
  await eventually(() => expect(day.applied("ses_a")).toEqual([after.id]));
  expect(attemptsOf(day, twice.id)).toHaveLength(1);
  await eventually(async () =>
    expect(await day.dead()).toMatchObject([{ id: clash.id, status: 409, reason: "session is locked" }]),
  );
});

it.concurrent("429: the session waits as long as Retry-After asks, others continue", async () => {
  await using day = await startDay();
  await day.relay();
  day.coordinator.faults.set([
    {
      session: "ses_a",
      times: 1,
      action: { kind: "status", status: 429, headers: { "retry-after": "2" }, body: { detail: "slow down" } },
    },
  ]);
  const ids = await appendTo(day, ["ses_a", "ses_b"], 3);
  await expectAllDelivered(day, ids);
  const [first, second] = attemptsOf(day, ids.get("ses_a")?.[0] ?? "");
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1990); // a timer may be a millisecond early
  const others = day.coordinator.writes("ses_b");
  expect(others.at(-1)?.at).toBeLessThan(second?.at ?? 0);
  await eventually(() => expect(day.told()).toEqual({ state: "up" }));
});

it.concurrent.each<[string, FaultAction, string]>([
  ["404 of a route", json(404, { detail: "Not Found" }), "route_unknown"],
  ["405", json(405, { detail: "Method Not Allowed" }), "route_unknown"],
  ["a redirect", { kind: "redirect", location: "http://127.0.0.1:9/login" }, "redirected"],
])(
  "SETTLE-1: %s pauses everything and says why; all goes on by itself when it is over",
  async (_, action, reason) => {
    await using day = await startDay();
    const relay = await day.relay();
    const before = await appendTo(day, ["ses_a"], 1);
    await expectAllDelivered(day, before);
    day.coordinator.faults.set([{ path: "/events$", action }]);
    const ids = await appendTo(day, ["ses_b", "ses_c"], 5);
    await expectTold(day, "paused", reason);
    expect(JSON.parse((await relay.get("/status")).text)).toMatchObject({
      gate: { phase: "paused", reason },
    });
    expect((await relay.get("/ready")).status).toBe(503);
    day.coordinator.faults.clear();
    await expectAllDelivered(day, ids);
    await eventually(() => expect(day.told()).toEqual({ state: "up" }));
  },
);
