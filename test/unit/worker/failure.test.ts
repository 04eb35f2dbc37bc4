import { expect, test } from "vitest";
import { failureOf } from "../../../src/worker/failure.ts";

test("an error says at the turn's end what clients look for, cut where an end must not be large", () => {
  const error = {
    message: "x".repeat(3000),
    error: "boom",
    code: 5,
    detail: "why",
    recoverable: false,
    dump: {},
  };
  expect(failureOf(error)).toEqual({ message: "x".repeat(2000), error: "boom", detail: "why" });
});

test("an error that an agent recovers from is no failure", () => {
  expect(failureOf({ message: "slow down", recoverable: true })).toBeUndefined();
  expect(failureOf({ message: "slow down", recoverable: "yes" })).toEqual({ message: "slow down" });
});
