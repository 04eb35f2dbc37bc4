import { describe, expect, test } from "vitest";
import { answerOf, recognise } from "../../../../../src/shared/session-log/append/answer.ts";

const refusal = (err_code: number, code: number): string =>
  JSON.stringify({ error: { code, err_code, description: "no" } });

test.each([
  ['{"stream":"RR_SESSIONS","seq":7}', { kind: "stored", seq: 7 }],
  ['{"stream":"RR_SESSIONS","seq":7,"duplicate":true}', { kind: "stored", seq: 7 }], // the id has the session in it: it is ours
  [refusal(10071, 400), { kind: "conflict" }],
  [refusal(10158, 400), { kind: "conflict" }],
  [refusal(10164, 400), { kind: "conflict" }],
  [refusal(10077, 503), { kind: "refused", full: true, detail: "no (10077)" }],
  [refusal(10054, 400), { kind: "refused", full: false, detail: "no (10054)" }],
  [refusal(10008, 503), { kind: "unknown", detail: "no (10008)" }],
  [refusal(0, 429), { kind: "unknown", detail: "no (0)" }],
  ["{}", { kind: "unknown", detail: expect.any(String) }],
  ['{"seq":"7"}', { kind: "unknown", detail: expect.any(String) }],
  ["null", { kind: "unknown", detail: expect.any(String) }],
  ["nonsense", { kind: "unknown", detail: expect.any(String) }],
])("the broker says %s", (text, answer) => {
  expect(answerOf(text)).toEqual(answer);
});

describe("what became of an append behind event 4", () => {
  test.each([
    ["ours is the newest: it was stored", { seq: 9, messageId: "s.mine" }, { kind: "stored", seq: 9 }],
    ["the one before is still the newest", { seq: 4, messageId: "s.before" }, { kind: "missing" }],
    ["somebody else's is the newest", { seq: 9, messageId: "s.other" }, { kind: "overtaken", by: 9 }],
    ["an older one is the newest", { seq: 3, messageId: "s.older" }, { kind: "overtaken", by: 3 }],
    ["there is none any more", undefined, { kind: "overtaken", by: 0 }],
  ])("%s", (_, newest, became) => {
    expect(recognise("s.mine", 4, newest)).toEqual(became);
  });
  test("behind nothing, and nothing is there", () => {
    expect(recognise("s.mine", 0, undefined)).toEqual({ kind: "missing" });
  });
});
