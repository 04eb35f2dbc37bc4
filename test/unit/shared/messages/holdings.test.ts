import * as fc from "fast-check";
import { expect, test } from "vitest";
import { digestOf } from "../../../../src/shared/messages/holdings.ts";
import { shown } from "../../../../src/standin/sessions.ts";

const base = { event_type: "message", session_id: "s", timestamp: "2026-01-01T00:00:00Z" };

test("an event as it is sent and as the coordinator gives it back are the same", () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const sent = fc.record(
    {
      content: fc.array(value),
      tool_input: fc.dictionary(fc.string(), value),
      tool_output: value,
      result_text: fc.string(),
      exit_code: fc.integer(),
      own: value,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(sent, (more) => {
      const body = { ...base, ...more };
      const back: unknown = JSON.parse(JSON.stringify(shown({ id: 7, timestamp: base.timestamp, body })));
      expect(digestOf(back as Record<string, unknown>)).toBe(digestOf(body));
    }),
  );
});

test.each([
  [{ timestamp: "2026-01-01T00:00:01Z" }],
  [{ tool_input: {} }],
  [{ tool_input: { a: null } }],
  [{ content: [] }],
  [{ result_text: "" }],
  [{ exit_code: 0 }],
  [{ tool_output: "0" }],
  [{ role: "user" }],
])("%j makes another event", (more) => expect(digestOf({ ...base, ...more })).not.toBe(digestOf(base)));

test("the order of fields, extra ones, null, the session, and how a number is written make none", () => {
  expect(digestOf({ ...base, tool_input: { a: 1, b: [2] }, mine: 1, error: null })).toBe(
    digestOf({ tool_input: { b: [2], a: 1.0 }, ...base, session_id: "other" }),
  );
  expect(digestOf({ ...base, exit_code: "3" })).toBe(digestOf({ ...base, exit_code: 3 }));
});
