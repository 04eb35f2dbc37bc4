import { expect, test } from "vitest";
import { counted } from "../../../../src/shared/base/show.ts";

test.each([
  [0, "0 deliveries"],
  [1, "1 delivery"],
  [2, "2 deliveries"],
])("%i of something with a plural of its own", (n, text) => {
  expect(counted(n, "delivery", "deliveries")).toBe(text);
});

test("an s is added where nothing else is said", () => {
  expect([0, 1, 2].map((n) => counted(n, "event"))).toEqual(["0 events", "1 event", "2 events"]);
});
