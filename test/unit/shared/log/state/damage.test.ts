import { expect, test } from "vitest";
import { damageAdvice, damageText, type Damage } from "../../../../../src/shared/log/state/damage.ts";
import { lostLetters } from "../../../../../src/shared/log/state/log-check.ts";

const damage: Damage = {
  v: 1,
  id: "x",
  code: "log_holes",
  at: 0,
  missing: 1,
  ranges: [[7, 7]],
  settled: 0,
  sessions: [],
};

test.each<[Partial<Damage>, string]>([
  [{}, "events are missing in the middle of the log: 1 stored event is gone, sequences 7"],
  [
    {
      code: "log_shortened",
      missing: 5,
      ranges: [[3, 7]],
      settled: 2,
      sessions: [
        ["a", 2],
        ["b", 1],
      ],
    },
    "the log lost its end: 5 stored events are gone, sequences 3 to 7; at least 2 of them had been delivered or were dead; these sessions had pending events: a (2), b (1)",
  ],
  [
    { code: "state_damaged", missing: 1, ranges: [], note: "held.a" },
    "the relays' state lost 1 entry; held.a",
  ],
])("%o is said in one line", (change, text) => {
  expect(damageText({ ...damage, ...change })).toBe(text);
});

test("BOUND-1: a line names ten ranges and sessions, and counts the others", () => {
  const many: Damage = {
    ...damage,
    ranges: Array.from({ length: 100 }, (_, i) => [3 * i + 1, 3 * i + 1]),
    sessions: Array.from({ length: 100 }, (_, i) => [`ses_${i}`, 1]),
  };
  expect(damageText(many)).toMatch(/28 and 90 more; .*ses_9 \(1\) and 90 more$/);
});

test("the alarm is ended by its own key", () => {
  expect(damageAdvice(damage)).toContain("nats kv del RR_STATE damage.x");
});

const seen = { created: "a", seq: 9, messages: 3, removed: 6 };
const now = (messages: number, last_seq = 9) => ({ created: "a", state: { messages, last_seq } });
test.each([
  ["nothing is remembered", undefined, now(3), 0, 0],
  ["all are there", seen, now(3), 6, 0],
  ["more are there", seen, now(4, 10), 6, 0],
  ["some are gone", seen, now(1), 6, 2],
  ["those that are gone were removed", seen, now(1), 8, 0],
  ["more are gone than were removed", seen, now(0), 8, 1],
  ["some came, and of all some were removed", seen, now(2, 11), 9, 0],
  ["some came, some were removed, and some are gone", seen, now(1, 11), 9, 1],
  ["more were announced than removed", seen, now(2), 9, 0],
  ["an old mark, before any removal was counted", { created: "a", seq: 9, messages: 3 }, now(2), 1, 0],
  ["the counter is gone", seen, now(2), 0, 1],
  ["the stream is another one", seen, { ...now(1), created: "b" }, 0, 3],
  ["none was there", { created: "a", seq: 0, messages: 0 }, { ...now(0, 0), created: "b" }, 0, 0],
])("dead letters that went missing: %s", (_, known, dead, removed, lost) => {
  expect(lostLetters(known, dead as Parameters<typeof lostLetters>[1], removed)).toBe(lost);
});
