import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Lane } from "../../../../src/relay/lanes/lane.ts";
import { ReadyLanes } from "../../../../src/relay/lanes/ready.ts";
import { type InFlight, type Repute } from "../../../../src/relay/lanes/share.ts";

describe("ReadyLanes", () => {
  const lane = (name: string, repute: Repute): Lane => {
    const it = new Lane(name, name, 0);
    it.repute = repute;
    it.phase = { name: "ready" };
    return it;
  };
  const next = (ready: ReadyLanes, inFlight?: InFlight): string | undefined => {
    const it = ready.next(inFlight, 8);
    if (it !== undefined)
      it.phase = { name: "sending", turn: { since: 0, repute: it.repute, over: Promise.resolve() } };
    return it?.token;
  };

  test("first come, first served, whatever their record", () => {
    const ready = new ReadyLanes();
    for (const [name, record] of [
      ["a", "failing"],
      ["b", "proven"],
      ["c", "unproven"],
      ["d", "failing"],
    ] as const)
      ready.add(lane(name, record));
    const idle: InFlight = { proven: 0, unproven: 0, failing: 0 };
    expect([
      next(ready, idle),
      next(ready, idle),
      next(ready, idle),
      next(ready, idle),
      next(ready, idle),
    ]).toEqual(["a", "b", "c", "d", undefined]);
  });

  test("a lane that may not start is skipped, and keeps its place", () => {
    const ready = new ReadyLanes();
    ready.add(lane("sick", "failing"));
    ready.add(lane("good", "proven"));
    const crowded: InFlight = { proven: 0, unproven: 0, failing: 2 };
    expect(next(ready, crowded)).toBe("good");
    expect(next(ready, crowded)).toBeUndefined();
    expect(next(ready)).toBe("sick"); // a probe asks for no share
  });

  test("lanes that were emptied meanwhile are skipped, and no lane starts twice", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("add", "next", "empty"), { maxLength: 2000 }), (steps) => {
        const ready = new ReadyLanes();
        const waiting = new Set<string>();
        const all = new Map<string, Lane>();
        for (const [i, it] of steps.entries()) {
          if (it === "add") {
            const added = lane(`l${i}`, (["proven", "unproven", "failing"] as const)[i % 3] ?? "proven");
            ready.add(added);
            all.set(added.token, added);
            waiting.add(added.token);
          } else if (it === "empty") {
            const [first] = waiting;
            const emptied = all.get(first ?? "");
            if (emptied !== undefined) emptied.phase = { name: "idle" };
            waiting.delete(first ?? "");
          } else {
            const [first] = waiting;
            expect(next(ready)).toBe(first);
            waiting.delete(first ?? "");
          }
        }
      }),
    );
  });
});
