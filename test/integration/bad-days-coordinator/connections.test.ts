import { expect, it } from "vitest";
import type { FaultAction } from "../../support/coordinator.ts";
import { appendTo, attemptsOf, expectAllDelivered, expectTold, sessionsOf, startDay } from "./day.ts";
import { eventually } from "../../support/eventually.ts";

it.concurrent("a coordinator that hangs costs one time-out per attempt; the same key comes again, in order", async () => {
  await using day = await startDay();
  await day.relay({ attemptTimeoutMs: 300 });
  day.coordinator.faults.set([{ session: "ses_a", times: 2, action: { kind: "hang" } }]);
  const ids = await appendTo(day, ["ses_a", "ses_b"], 3);
  await expectAllDelivered(day, ids);
  expect(attemptsOf(day, ids.get("ses_a")?.[0] ?? "").length).toBeGreaterThanOrEqual(3);
  expect(day.lines.filter((line) => line["cause"] === "timeout").length).toBeGreaterThanOrEqual(2);
});

it.concurrent("everything hangs: away after the first time-outs, delivered by itself when it is over", async () => {
  await using day = await startDay();
  await day.relay({ attemptTimeoutMs: 300 });
  await appendTo(day, ["ses_a"], 1);
  await eventually(() => expect(day.applied("ses_a")).toHaveLength(1));
  day.coordinator.faults.set([{ action: { kind: "hang" } }]);
  const ids = await appendTo(day, sessionsOf(12), 2);
  await expectTold(day, "away", "breaker_open");
  day.coordinator.faults.clear();
  await expectAllDelivered(day, ids);
  await eventually(() => expect(day.told()).toEqual({ state: "up" }));
});

it.concurrent.each<[string, FaultAction]>([
  ["a reset after the head", { kind: "reset", at: "after_head" }],
  ["half a body", { kind: "half_body" }],
])("ONCE-1: %s of a 201 is delivered and never repeated", async (_, action) => {
  await using day = await startDay();
  await day.relay();
  day.coordinator.faults.set([{ times: 3, path: "/events$", action }]);
  const ids = await appendTo(day, ["ses_a"], 5);
  await expectAllDelivered(day, ids);
  expect(day.coordinator.summary()).toMatchObject({ repeats: 0 });
});

it.concurrent("an error answer that breaks off is retried, because its form cannot be judged", async () => {
  await using day = await startDay();
  await day.relay();
  day.coordinator.faults.set([{ times: 1, action: { kind: "half_body" }, body: '"timestamp":7' }]);
  const bad = await day.append("ses_a", { timestamp: 7 });
  await eventually(() => expect(attemptsOf(day, bad.id)).toHaveLength(2));
  await eventually(async () =>
    expect(await day.dead()).toMatchObject([{ id: bad.id, status: 422, attempts: 2 }]),
  );
});

it.concurrent("an answer that trickles in byte by byte is waited for; other sessions are not", async () => {
  await using day = await startDay();
  await day.relay();
  day.coordinator.faults.set([{ session: "ses_a", times: 1, action: { kind: "slow", ms: 700 } }]);
  const ids = await appendTo(day, ["ses_a", "ses_b"], 2);
  await expectAllDelivered(day, ids);
  expect(day.coordinator.summary()).toMatchObject({ repeats: 0 });
});

it.concurrent("ONCE-1: a 201 that trickles longer than an attempt may take is given up, and not repeated", async () => {
  await using day = await startDay();
  await day.relay({ attemptTimeoutMs: 1000 });
  day.coordinator.faults.set([
    { session: "ses_a", times: 1, path: "/events$", action: { kind: "slow", ms: 6000 } },
  ]);
  const ids = await appendTo(day, ["ses_a"], 2);
  await expectAllDelivered(day, ids);
  expect(day.coordinator.summary()).toMatchObject({ repeats: 0 });
});

it.concurrent("a health answer that never ends does not keep the relay from noticing that all is well again", async () => {
  await using day = await startDay();
  day.coordinator.faults.set([{ path: "^/health$", times: 1, action: { kind: "slow", ms: 4000 } }]);
  await day.relay({ attemptTimeoutMs: 300 });
  const ids = await appendTo(day, ["ses_a"], 2);
  await expectAllDelivered(day, ids);
});

it.concurrent("absent at the start: events wait, nothing is lost, and the relay says why", async () => {
  await using day = await startDay();
  await day.coordinator.stop();
  await day.relay();
  const ids = await appendTo(day, ["ses_a", "ses_b"], 5);
  await expectTold(day, "away", "breaker_open");
  await day.coordinator.start();
  await expectAllDelivered(day, ids);
  expect(day.coordinator.summary()).toMatchObject({ repeats: 0 });
});
