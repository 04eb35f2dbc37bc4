import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeAmounts,
  decodeAmountsQuestion,
  encodeAmounts,
  encodeAmountsQuestion,
  MOST_ASKED,
  type SessionWord,
} from "../../../../src/shared/messages/session-amounts.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const word: fc.Arbitrary<SessionWord> = fc.oneof(
  fc.constant("none" as const),
  fc.constant("unknown" as const),
  fc.record({ events: fc.nat(), bytes: fc.maxSafeNat() }),
);

test("questions and answers come back as they were", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 200 })), fc.array(word), (sessions, words) => {
      const wellFormed = sessions.filter((it) => it.isWellFormed());
      expect(decodeAmountsQuestion(bytes(encodeAmountsQuestion(wellFormed)))).toEqual(wellFormed);
      expect(decodeAmounts(bytes(encodeAmounts(words)), words.length)).toEqual(words);
    }),
  );
});

test("the largest question and its answer are within the bounds; one session more is not", () => {
  const sessions = Array.from({ length: MOST_ASKED }, (_, i) => `${i}`.padStart(200, "a"));
  expect(decodeAmountsQuestion(bytes(encodeAmountsQuestion(sessions)))).toHaveLength(MOST_ASKED);
  expect(decodeAmountsQuestion(bytes(encodeAmountsQuestion([...sessions, "a"])))).toBeUndefined();
  const most = { events: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER };
  const words = sessions.map(() => most);
  expect(decodeAmounts(bytes(encodeAmounts(words)), MOST_ASKED)).toEqual(words);
});

test.each(["", "{}", '{"v":2,"sessions":[]}', '{"v":1,"sessions":"a"}', '{"v":1,"sessions":[1]}'])(
  "no question: %j",
  (text) => {
    expect(decodeAmountsQuestion(bytes(text))).toBeUndefined();
  },
);

test.each([
  '{"v":1,"amounts":[]}',
  '{"v":1,"amounts":[1]}',
  '{"v":1,"amounts":[[1]]}',
  '{"v":1,"amounts":[[1,-1]]}',
  '{"v":2,"amounts":[0]}',
  "[0]",
])("no answer about one session: %j", (text) => {
  expect(decodeAmounts(bytes(text), 1)).toBeUndefined();
});
