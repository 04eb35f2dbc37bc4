import { expect, test } from "vitest";
import { createHookQueue, type Waiting } from "../../../../src/sessions/hooks/hook-queue.ts";
import { refuse, type Refusal } from "../../../../src/sessions/access/caller.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const AWAY = refuse("log_unreachable", "away");

function queueAt(answers: ({ kind: "recorded" } | Refusal)[]) {
  const clock = createFakeClock();
  const recorded: string[] = [];
  const record = (it: Waiting): Promise<{ kind: "recorded" } | Refusal> => {
    const answer = answers.shift() ?? { kind: "recorded" };
    if (answer.kind === "recorded") recorded.push(it.event.key ?? "");
    return Promise.resolve(answer);
  };
  return { clock, recorded, queue: createHookQueue({ record, clock, log: silentLogger() }) };
}

function waiting(key: string, bytes = 2, session = "s"): Waiting {
  return {
    session,
    agent: "codex",
    caller: { user: "u", scopes: new Set(["hooks"]), open: false, ended: new AbortController().signal },
    event: { type: "hook_stop", data: new Uint8Array(bytes), key },
  };
}

test("events are stored in their order, through an outage of the log", async () => {
  const { clock, recorded, queue } = queueAt([AWAY, AWAY]);
  for (const name of ["a", "b", "c"]) expect(queue.add(waiting(name))).toBe(true);
  await clock.pass(400);
  expect(recorded).toEqual([]);
  expect(queue.counts.waiting()).toBe(3);
  await clock.pass(1000);
  expect(recorded).toEqual(["a", "b", "c"]);
  expect(queue.counts).toMatchObject({ lost: 0 });
});

test("a session whose event waits does not hold up others, and sessions take turns", async () => {
  const clock = createFakeClock();
  const stored: string[] = [];
  let most = 0;
  let now = 0;
  const record = async ({ session, event }: Waiting): Promise<{ kind: "recorded" } | Refusal> => {
    most = Math.max(most, ++now);
    await Promise.resolve();
    now--;
    if (session === "away") return AWAY;
    stored.push(event.key ?? "");
    return { kind: "recorded" };
  };
  const queue = createHookQueue({ record, clock, log: silentLogger() });
  queue.add(waiting("x", 2, "away"));
  for (let i = 0; i < 3; i++)
    for (let session = 0; session < 40; session++) queue.add(waiting(`${session}.${i}`, 2, `s${session}`));
  await clock.pass(0);
  expect(stored).toHaveLength(120);
  for (let session = 0; session < 40; session++)
    expect(stored.filter((it) => it.startsWith(`${session}.`))).toEqual(
      [0, 1, 2].map((i) => `${session}.${i}`),
    );
  expect(stored.slice(0, 40).every((it) => it.endsWith(".0"))).toBe(true);
  expect([most, queue.counts.waiting(), queue.counts.lost]).toEqual([16, 1, 0]);
});

test("what the log refuses for good is lost and counted, and does not stop the others", async () => {
  const { clock, recorded, queue } = queueAt([refuse("sessions_full", "full")]);
  queue.add(waiting("a"));
  queue.add(waiting("b"));
  await clock.pass(0);
  expect(recorded).toEqual(["b"]);
  expect(queue.counts.lost).toBe(1);
});

test("it has an end, by number and by bytes; what does not fit is counted", async () => {
  const { queue } = queueAt(Array.from({ length: 20 }, () => AWAY));
  for (let i = 0; i < 10_000; i++) queue.add(waiting("s"));
  expect(queue.add(waiting("s"))).toBe(false);
  const large = queueAt([AWAY]).queue;
  for (let i = 0; i < 16; i++) expect(large.add(waiting("s", 1024 * 1024))).toBe(true);
  expect(large.add(waiting("s", 1))).toBe(false);
  expect([queue.counts.lost, large.counts.lost]).toEqual([1, 1]);
});

test("a stop stores what it can, and counts the rest as lost", async () => {
  const good = queueAt([AWAY]);
  good.queue.add(waiting("a"));
  const closing = good.queue.close();
  await good.clock.pass(600);
  await closing;
  expect(good.recorded).toEqual(["a"]);

  const bad = queueAt(Array.from({ length: 100 }, () => AWAY));
  bad.queue.add(waiting("a"));
  const ending = bad.queue.close();
  await bad.clock.pass(5000);
  await ending;
  expect(bad.queue.counts.lost).toBe(1);
});
