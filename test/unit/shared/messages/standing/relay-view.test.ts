import { expect, test } from "vitest";
import {
  decodeView,
  MOST_LANES,
  type RelayView,
} from "../../../../../src/shared/messages/standing/relay-view.ts";

const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const lane = { session: "s", shard: 1, phase: "ready", events: 1, attempts: 0, reason: "" } as const;
const view: RelayView = {
  v: 1,
  relay: "a",
  instance: "i",
  gate: { phase: "up" },
  delivered: 3,
  lanes: [lane],
  more: 0,
};

test("a view is read back, also the largest one", () => {
  expect(decodeView(bytes(view))).toEqual(view);
  const long = { ...lane, session: "s".repeat(200), reason: "\u0001".repeat(500) };
  const largest = { ...view, lanes: Array.from({ length: MOST_LANES }, () => long) };
  expect(decodeView(bytes(largest))?.lanes).toHaveLength(MOST_LANES);
});

test.each<[string, unknown]>([
  ["of tomorrow", { ...view, v: 2 }],
  ["without a gate", { ...view, gate: undefined }],
  ["with a gate of another form", { ...view, gate: { phase: "ajar" } }],
  ["with a lane that is none", { ...view, lanes: [null] }],
  ["with a lane in no phase that we know", { ...view, lanes: [{ ...lane, phase: "lost" }] }],
  ["that is a text", "up"],
])("a view %s is none", (_, value) => {
  expect(decodeView(bytes(value))).toBeUndefined();
});

test("what is no JSON, or too much of it, is no view", () => {
  expect(decodeView(Buffer.from("{"))).toBeUndefined();
  expect(decodeView(bytes({ ...view, lanes: Array.from({ length: 10_000 }, () => lane) }))).toBeUndefined();
});
