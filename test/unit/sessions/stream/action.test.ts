import { expect, test } from "vitest";
import { readAction } from "../../../../src/sessions/stream/action.ts";

const read = (frame: unknown): ReturnType<typeof readAction> =>
  readAction(Buffer.from(JSON.stringify(frame)));

test.each([
  [{ action: "ping" }, { action: "ping" }],
  [
    { action: "ping", ref: "a", other: 1 },
    { action: "ping", ref: "a" },
  ],
  [{ action: "resume" }, { action: "resume", start: { seq: 0 } }],
  [
    { action: "resume", after: 7, ref: "a" },
    { action: "resume", ref: "a", start: { seq: 7 } },
  ],
  [
    { action: "resume", after: "7.x" },
    { action: "resume", start: { seq: 7, log: "x" } },
  ],
  [
    { action: "resume", after: "latest" },
    { action: "resume", start: "latest" },
  ],
  [
    { action: "execute", user_input: "hello" },
    { action: "execute", fields: { user_input: "hello" } },
  ],
  [
    { action: "cancel", ref: "b", turn_id: "t" },
    { action: "cancel", ref: "b", fields: { turn_id: "t" } },
  ],
])("%j is read", (frame, action) => {
  expect(read(frame)).toEqual(action);
});

test.each([
  [{}, "field_invalid"],
  [{ action: "steal" }, "field_invalid"],
  [{ action: ["ping"] }, "field_invalid"],
  [{ action: "resume", after: -1 }, "field_invalid"],
  [{ action: "resume", after: "x" }, "field_invalid"],
  [{ action: "ping", ref: 1 }, "field_invalid"],
  [{ action: "ping", ref: "ü" }, "field_invalid"],
  [{ action: "ping", ref: "x".repeat(129) }, "field_invalid"],
  [["ping"], "body_not_object"],
  [null, "body_not_object"],
  ["ping", "body_not_object"],
])("%j is refused", (frame, code) => {
  expect(read(frame)).toMatchObject({ bad: { code } });
});

test("a refusal names the frame that it is about", () => {
  expect(read({ action: "resume", after: "x", ref: "r1" })).toMatchObject({
    bad: { action: "resume", ref: "r1" },
  });
});

test.each([
  ["no JSON", Buffer.from("ping")],
  ["not UTF-8", Buffer.from([0x22, 0xff, 0x22])],
  ["nested deeply", Buffer.from(`${"[".repeat(100)}${"]".repeat(100)}`)],
  ["of many values", Buffer.from(`[${"0,".repeat(100_001)}0]`)],
  ["empty", Buffer.from("")],
])("BOUND-1: a frame that is %s is refused without being built", (_, bytes) => {
  expect(readAction(bytes)).toMatchObject({ bad: { code: "body_invalid_json" } });
});
