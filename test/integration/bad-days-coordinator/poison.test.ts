import { jetstreamManager } from "@nats-io/jetstream";
import { expect, it } from "vitest";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { openControl } from "../../../src/shared/log/state/control.ts";
import { DEAD_STREAM } from "../../../src/shared/log/schema/topology.ts";
import type { FaultRule } from "../../support/coordinator.ts";
import { appendTo, attemptsOf, expectAllDelivered, expectTold, sessionsOf, startDay } from "./day.ts";
import { eventually } from "../../support/eventually.ts";

/** The coordinator refuses what says so. */
const REFUSES_POISON: FaultRule = {
  body: "poison",
  action: { kind: "status", status: 422, body: { detail: "poisonous" } },
};
const FAILS: FaultRule["action"] = { kind: "status", status: 500, body: { detail: "Internal Server Error" } };

it.concurrent("SETTLE-1: one poison event among 1,000 of a session: 999 in order, one dead letter with status, body, attempts", async () => {
  await using day = await startDay();
  day.coordinator.faults.set([{ body: "poison", times: 1, action: FAILS }, REFUSES_POISON]);
  const body = (i: number): Record<string, unknown> => (i === 500 ? { content: "poison" } : {});
  const sent: { id: string; seq: number }[] = [];
  for (let i = 0; i < 1000; i += 20) {
    // 20 at a time on one connection are stored in the order in which they were sent
    sent.push(...(await Promise.all(Array.from({ length: 20 }, (_, j) => day.append("ses_a", body(i + j))))));
  }
  await day.relay();
  const bad = sent[500];
  const good = sent.filter((event) => event !== bad).map(({ id }) => id);
  await eventually(() => expect(day.applied("ses_a")).toEqual(good));
  const letters = await day.dead();
  expect(letters).toMatchObject([
    { id: bad?.id, session: "ses_a", status: 422, reason: "poisonous", attempts: 2, origSeq: bad?.seq },
  ]);
  expect(Buffer.from(letters[0]?.payload ?? []).toString()).toContain('"content":"poison"');
});

it.concurrent("poison policy park: the session waits from the poison event on, others continue, and there is no dead letter", async () => {
  await using day = await startDay();
  const relay = await day.relay({ poisonPolicy: "park" });
  day.coordinator.faults.set([REFUSES_POISON]);
  const before = await day.append("ses_a");
  await day.append("ses_a", { content: "poison" });
  await appendTo(day, ["ses_a"], 5);
  const others = await appendTo(day, ["ses_b", "ses_c"], 5);
  await expectAllDelivered(day, others);
  await eventually(async () =>
    expect(JSON.parse((await relay.get("/status")).text)).toMatchObject({
      held: [{ record: { session: "ses_a", reason: "parked", text: "status 422: poisonous" } }],
    }),
  );
  await eventually(() =>
    expect(day.lines).toContainEqual(
      expect.objectContaining({ msg: "session held", text: "status 422: poisonous" }),
    ),
  );
  expect(day.applied("ses_a")).toEqual([before.id]);
  await eventually(() => expect(day.told()).toEqual({ state: "up" }));
  expect(await day.dead()).toEqual([]);
});

it.concurrent("poison policy stop: no relay sends anything until an operator decides, then everything continues", async () => {
  await using day = await startDay();
  const relay = await day.relay({ poisonPolicy: "stop" });
  day.coordinator.faults.set([REFUSES_POISON]);
  const before = await day.append("ses_a");
  const bad = await day.append("ses_a", { content: "poison" });
  await expectTold(day, "paused", "poison_stop");
  const others = await appendTo(day, ["ses_b"], 5);
  const { gate } = JSON.parse((await relay.get("/status")).text) as { gate: { text: string } };
  expect(gate.text).toBe(`event ${bad.id} of session ses_a: status 422: poisonous`);
  const after = await day.append("ses_a");
  expect(day.applied("ses_b")).toEqual([]);
  expect(await day.dead()).toEqual([]);
  const control = await openControl(await day.broker.connect("operator"), systemClock);
  await eventually(async () =>
    expect((await control.readControls()).paused).toMatchObject({ reason: "poison_stop", text: gate.text }),
  );
  expect(await control.resumeAll()).toBe(true); // the same event stops it again
  await eventually(async () => {
    expect(attemptsOf(day, bad.id)).toHaveLength(2);
    expect((await control.readControls()).paused).toBeDefined();
  });
  await relay.close();
  await day.relay();
  await expectTold(day, "paused", "poison_stop");
  expect(attemptsOf(day, bad.id)).toHaveLength(2);
  await control.resumeAll();
  await eventually(() => expect(day.applied("ses_a")).toEqual([before.id, after.id]));
  await eventually(() => expect(day.applied("ses_b")).toEqual(others.get("ses_b")));
  expect(await day.dead()).toMatchObject([{ id: bad.id }]);
});

it.concurrent("SETTLE-1, ISOLATE-1: one session always 500 beside healthy ones: the breaker stays closed, the event is exhausted, and its later ones are delivered", async () => {
  await using day = await startDay();
  await day.relay({ exhaustAfterMs: 2000 }); // time for a second attempt, on a loaded machine too
  day.coordinator.faults.set([{ body: "poison", action: FAILS }]);
  const bad = await day.append("ses_a", { content: "poison" });
  const later = await appendTo(day, ["ses_a"], 3);
  const healthy = sessionsOf(8);
  const sent = new Map<string, string[]>(healthy.map((session) => [session, []]));
  await eventually(async () => {
    for (const [session, ids] of await appendTo(day, healthy, 1)) sent.get(session)?.push(...ids);
    expect(await day.dead()).toHaveLength(1);
  });
  const [letter] = await day.dead();
  expect(letter).toMatchObject({
    id: bad.id,
    reason: expect.stringMatching(/^exhausted after \d+ attempts: status 500(?:: .*)?$/),
  });
  expect(letter?.attempts).toBe(attemptsOf(day, bad.id).length);
  expect(letter?.attempts).toBeGreaterThanOrEqual(2);
  for (const [session, ids] of [...sent, ...later])
    await eventually(() => expect(day.applied(session)).toEqual(ids));
  expect(day.lines.filter((line) => line.code === "breaker_open")).toEqual([]);
});

it.concurrent("an outage exhausts nothing: while no session succeeds, no event's time runs out", async () => {
  await using day = await startDay();
  await day.relay({ exhaustAfterMs: 100 });
  await expectAllDelivered(day, await appendTo(day, ["ses_a"], 1));
  day.coordinator.faults.set([{ action: FAILS }]);
  const ids = await appendTo(day, sessionsOf(5).slice(1), 2);
  await expectTold(day, "away", "breaker_open");
  day.coordinator.faults.clear();
  await expectAllDelivered(day, ids);
});

it.concurrent("SETTLE-1: refusals become the rule: few dead letters, a pause, and everything else is delivered when it is over", async () => {
  await using day = await startDay();
  await day.relay();
  day.coordinator.faults.set([
    { path: "/events$", action: { kind: "status", status: 422, body: { detail: "bad release" } } },
  ]);
  const ids = await appendTo(day, sessionsOf(10), 20);
  await expectTold(day, "paused", "mass_refusal");
  const early = await day.dead();
  expect(early.length).toBeLessThan(20); // fewer than the attempts that it takes to know
  const probes = (): number => day.coordinator.writes().length;
  const before = probes();
  await eventually(() => expect(probes()).toBeGreaterThan(before + 1)); // refused probes bury nothing
  expect(await day.dead()).toHaveLength(early.length);
  day.coordinator.faults.clear();
  const buried = new Set(early.map(({ id }) => id));
  for (const [session, sent] of ids)
    await eventually(() => expect(day.applied(session)).toEqual(sent.filter((id) => !buried.has(id))));
  expect(await day.dead()).toHaveLength(early.length);
  expect(day.coordinator.summary()).toMatchObject({ inverted: 0, stale: 0 });
});

it.concurrent("SETTLE-1, ISOLATE-1: a dead-letter stream without room: the lane waits and alarms, others continue, and it recovers", async () => {
  await using day = await startDay();
  const jsm = await jetstreamManager(await day.broker.connect("admin"));
  const { config } = await jsm.streams.info(DEAD_STREAM);
  await jsm.streams.update(DEAD_STREAM, { max_bytes: 1 });
  await day.relay();
  day.coordinator.faults.set([REFUSES_POISON]);
  const bad = await day.append("ses_a", { content: "poison" });
  const later = await appendTo(day, ["ses_a"], 3);
  const others = await appendTo(day, ["ses_b"], 10);
  await eventually(() => expect(day.applied("ses_b")).toEqual(others.get("ses_b")));
  const alarms = (): number =>
    day.lines.filter((line) => line.code === "dead_letters_refused" && line.level >= 50).length;
  await eventually(() => expect(alarms()).toBeGreaterThan(1));
  expect(day.applied("ses_a")).toEqual([]);
  await jsm.streams.update(DEAD_STREAM, { max_bytes: config.max_bytes });
  await eventually(() => expect(day.applied("ses_a")).toEqual(later.get("ses_a")));
  expect(await day.dead()).toMatchObject([{ id: bad.id, status: 422, attempts: 1, reason: "poisonous" }]);
  expect(attemptsOf(day, bad.id)).toHaveLength(1); // its verdict is known: no need to ask again
});
