import { describe, expect, test } from "vitest";
import { createFaults, readRules, type FaultRule, type Target } from "../../../src/standin/faults.ts";

const TARGET: Target = {
  method: "POST",
  path: "/sessions/s1/events",
  session: "s1",
  text: '{"marker":"m7"}',
};

function strikes(rule: FaultRule, times: number, random = () => 0.5): boolean[] {
  const faults = createFaults(random);
  faults.set([rule]);
  return Array.from({ length: times }, () => faults.strike(TARGET) !== undefined);
}

describe("a rule strikes", () => {
  const hang = { kind: "hang" } as const;
  test.each<[string, FaultRule, boolean]>([
    ["everything without conditions", { action: hang }, true],
    ["its method", { method: "POST", action: hang }, true],
    ["no other method", { method: "GET", action: hang }, false],
    ["its path", { path: "^/sessions/.*/events$", action: hang }, true],
    ["no other path", { path: "/bind$", action: hang }, false],
    ["its session", { session: "s1", action: hang }, true],
    ["no other session", { session: "s2", action: hang }, false],
    ["a text in the body", { body: "m7", action: hang }, true],
    ["no body without the text", { body: "m8", action: hang }, false],
  ])("%s", (_, rule, struck) => {
    expect(strikes(rule, 1)).toEqual([struck]);
  });

  test("as often as it says, after those it lets pass", () => {
    expect(strikes({ skip: 1, times: 2, action: hang }, 5)).toEqual([false, true, true, false, false]);
  });

  test("by chance", () => {
    const numbers = [0.1, 0.9, 0.3];
    expect(strikes({ probability: 0.4, action: hang }, 3, () => numbers.shift() ?? 1)).toEqual([
      true,
      false,
      true,
    ]);
  });

  test("with one status after the other, 0 letting a request through", () => {
    const faults = createFaults(() => 0);
    faults.set([{ action: { kind: "sequence", statuses: [503, 0, 429] } }]);
    const got = Array.from({ length: 4 }, () => faults.strike(TARGET)?.action);
    expect(got).toMatchObject([{ kind: "status", status: 503 }, undefined, { status: 429 }, undefined]);
    expect(faults.list()).toMatchObject([{ strikes: 3 }]);
  });
});

test.each<[FaultRule["action"], boolean]>([
  [{ kind: "reset", at: "before_head" }, false],
  [{ kind: "reset", at: "after_head" }, true],
  [{ kind: "half_body" }, true],
  [{ kind: "delay", ms: 1 }, true],
  [{ kind: "html" }, false],
])("the coordinator carries a request out before %j: %s", (action, apply) => {
  const faults = createFaults(() => 0);
  faults.set([{ action }]);
  expect(faults.strike(TARGET)?.apply).toBe(apply);
  faults.set([{ action, apply: !apply }]);
  expect(faults.strike(TARGET)?.apply).toBe(!apply);
});

test("rules that cannot be used are refused with their place", () => {
  expect(readRules({})).toBe("rules must be a list");
  expect(readRules({ rules: [{ action: { kind: "hang" } }, {}] })).toBe("rules[1].action is missing");
  expect(readRules({ rules: [{ action: { kind: "explode" } }] })).toBe("rules[0].action.kind is unknown");
  expect(readRules({ rules: [{ path: "(", action: { kind: "hang" } }] })).toBe(
    "rules[0].path is no regular expression",
  );
  expect(readRules({ rules: [{ action: { kind: "hang" } }] })).toHaveLength(1);
});
