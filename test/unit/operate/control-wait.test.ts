import { expect, test } from "vitest";
import { judgeEffect } from "../../../src/operate/control-wait.ts";
import { sayEffect } from "../../../src/cli/pause.ts";

const done = (relay: string) => ({ relay, done: true });
const not = (relay: string) => ({ relay, done: false });

test.each([
  [[], 100, undefined],
  [[], 2999, undefined],
  [[], 3000, { kind: "no_relay" }],
  [[done("a")], 100, undefined], // another one may still speak
  [[done("a"), done("b")], 1200, { kind: "in_force", relays: ["a", "b"] }],
  [[done("a"), not("b")], 7999, undefined],
  [[done("a"), not("b")], 8000, { kind: "waiting", relays: ["b"] }],
] as const)("%j after %d ms: %j", (heard, elapsed, expected) => {
  expect(judgeEffect(heard, elapsed)).toEqual(expected);
});

test("what is said promises nothing that no relay confirmed", () => {
  expect(sayEffect("everything is paused", { kind: "in_force", relays: ["a"] })).toBe(
    "everything is paused (a)",
  );
  expect(sayEffect("everything is paused", { kind: "no_relay" })).toBe(
    "everything is paused; no relay answers, so this takes effect when one starts",
  );
  expect(sayEffect("everything is paused", { kind: "waiting", relays: ["a", "b"] })).toMatch(
    /^everything is paused, but a, b did not confirm it yet/,
  );
});
