import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createEventWindow, type StoredEvent } from "../../../src/standin/event-window.ts";

const events = fc
  .array(fc.record({ at: fc.integer({ min: 0, max: 40 }), result: fc.boolean() }), { maxLength: 300 })
  .map((list) =>
    list.map(({ at, result }, i): StoredEvent => ({
      id: i + 1,
      timestamp: `t${String(at).padStart(2, "0")}`,
      body: { event_type: result ? "result" : "message" },
    })),
  );

test("a window shows what sorting all events would show", () => {
  fc.assert(
    fc.property(events, (list) => {
      const window = createEventWindow();
      for (const event of list) window.add(event);
      const sorted = list.toSorted((a, b) => a.timestamp.localeCompare(b.timestamp) || b.id - a.id);
      expect(window.first()).toEqual(sorted.slice(0, 100));
      expect(window.count).toBe(list.length);
      const results = list.filter((event) => event.body["event_type"] === "result");
      const latest = results.toSorted((a, b) => b.timestamp.localeCompare(a.timestamp) || a.id - b.id)[0];
      expect(window.result()).toEqual(latest);
    }),
  );
});
