import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compareEvents,
  compareState,
  type DeliveredEvent,
  type DeliveredState,
} from "../../../../src/operate/reconcile/compare.ts";
import { groupsOf } from "../../../../src/operate/reconcile/sessions.ts";

const event = (seq: number, digest: string, timestamp = String(seq).padStart(6, "0")): DeliveredEvent => ({
  seq,
  id: `e${seq}`,
  digest,
  timestamp,
});
const ids = (events: readonly { id: string }[]): string[] => events.map(({ id }) => id);

describe("events", () => {
  test("what is not there is missing, in the order of the log", () => {
    const { missing, unknown } = compareEvents([event(1, "a"), event(2, "b"), event(3, "c")], {
      events: ["b"],
      cut: false,
    });
    expect(ids(missing)).toEqual(["e1", "e3"]);
    expect(unknown).toEqual([]);
  });
  test("of equal ones the later are missing", () => {
    const { missing } = compareEvents([event(1, "a"), event(2, "a"), event(3, "a")], {
      events: ["a"],
      cut: false,
    });
    expect(ids(missing)).toEqual(["e2", "e3"]);
  });
  test("more than the log knows is no matter", () => {
    expect(compareEvents([event(1, "a")], { events: ["a", "a", "z"], cut: false }).missing).toEqual([]);
  });
  test("behind a cut nothing can be judged, before it everything", () => {
    const { missing, unknown } = compareEvents([event(1, "a"), event(2, "b"), event(3, "c"), event(4, "d")], {
      events: ["a", "c"],
      last: "000003",
      cut: true,
    });
    expect(ids(missing)).toEqual(["e2"]);
    expect(ids(unknown)).toEqual(["e4"]);
  });
  test("an event with the last timestamp itself may lie behind the cut", () => {
    const held = { events: ["a"], last: "5", cut: true };
    expect(ids(compareEvents([event(1, "a", "5"), event(2, "b", "5")], held).unknown)).toEqual(["e2"]);
  });
  test("whatever is lost, exactly that is found, and sent again nothing is", () => {
    const digests = fc.array(fc.constantFrom("a", "b", "c", "d", "e"), { maxLength: 30 });
    fc.assert(
      fc.property(digests, fc.array(fc.nat({ max: 29 }), { maxLength: 30 }), (all, lost) => {
        const delivered = all.map((digest, i) => event(i + 1, digest));
        const gone = new Set(lost.filter((i) => i < all.length));
        const held = all.filter((_, i) => !gone.has(i));
        const { missing, unknown } = compareEvents(delivered, { events: held, cut: false });
        expect(unknown).toEqual([]);
        expect(missing.map(({ digest }) => digest).sort()).toEqual(all.filter((_, i) => gone.has(i)).sort());
        expect(missing.map(({ seq }) => seq)).toEqual(missing.map(({ seq }) => seq).sort((a, b) => a - b));
        const after = { events: [...held, ...missing.map(({ digest }) => digest)], cut: false };
        expect(compareEvents(delivered, after).missing).toEqual([]);
      }),
    );
  });
  test("a cut answer never calls missing what the coordinator holds", () => {
    const sizes = fc.tuple(
      fc.nat({ max: 30 }),
      fc.integer({ min: 1, max: 10 }),
      fc.array(fc.nat({ max: 29 })),
    );
    fc.assert(
      fc.property(sizes, ([count, window, lost]) => {
        const delivered = Array.from({ length: count }, (_, i) => event(i + 1, `d${i}`));
        const held = delivered.filter((_, i) => !lost.includes(i));
        const given = held.slice(0, window);
        const last = given.at(-1)?.timestamp;
        const { missing } = compareEvents(delivered, {
          events: given.map(({ digest }) => digest),
          ...(last === undefined ? {} : { last }),
          cut: given.length === window,
        });
        for (const one of missing) expect(held).not.toContain(one);
      }),
    );
  });
});

describe("binds and metadata", () => {
  const bind = (seq: number, executor: string): DeliveredState => ({
    seq,
    id: `b${seq}`,
    kind: "bind",
    fields: { executor_session_id: executor, hostname: "h", executor_profile: "p" },
  });
  const metadata = (seq: number, at: string): DeliveredState => ({
    seq,
    id: `m${seq}`,
    kind: "metadata",
    fields: { last_resumed_at: at },
  });
  const bound = { executor_session_id: "x", hostname: "h", executor_profile: "p" };
  test.each([
    ["all is there", [bind(1, "x")], bound, []],
    ["the bind was lost", [bind(1, "x")], {}, ["b1"]],
    ["only the last one of several goes", [bind(1, "w"), bind(2, "x")], {}, ["b2"]],
    [
      "the backup has an older value",
      [bind(1, "w"), bind(2, "x")],
      { ...bound, executor_session_id: "w" },
      ["b2"],
    ],
    ["metadata of its own field", [bind(1, "x"), metadata(2, "t1"), metadata(3, "t2")], bound, ["m3"]],
    ["both, in order", [metadata(1, "t1"), bind(2, "x")], {}, ["m1", "b2"]],
  ] as const)("%s", (_, delivered, fields, missing) => {
    expect(ids(compareState(delivered, { status: "running", fields }, 0).missing)).toEqual(missing);
  });
  test("a value that the log never had was written by another client, and stays", () => {
    const held = { status: "running", fields: { ...bound, last_resumed_at: "t9" } };
    expect(compareState([bind(1, "x"), metadata(2, "t1")], held, 0)).toEqual({
      missing: [],
      finished: [],
      differs: ["last_resumed_at"],
    });
  });
  test("a finished session is not opened again, whether the log or the coordinator says that it is finished", () => {
    const over = compareState([bind(1, "x"), metadata(2, "t")], { status: "finished", fields: {} }, 0);
    expect([ids(over.missing), ids(over.finished)]).toEqual([[], ["b1", "m2"]]);
    const reported = compareState([bind(1, "x"), metadata(2, "t")], { status: "running", fields: {} }, 9);
    expect([ids(reported.missing), ids(reported.finished)]).toEqual([["m2"], ["b1"]]);
  });
});

test("groups hold every session once and no more events than fit", () => {
  const counts = fc.dictionary(fc.string(), fc.integer({ min: 1, max: 50 }));
  fc.assert(
    fc.property(counts, (record) => {
      const map = new Map(Object.entries(record));
      const groups = groupsOf(map, 60);
      expect(groups.flatMap((group) => [...group])).toEqual([...map.keys()]);
      for (const group of groups)
        expect([...group].reduce((sum, session) => sum + (map.get(session) ?? 0), 0)).toBeLessThanOrEqual(60);
    }),
  );
  expect(groupsOf(new Map([["big", 100]]), 60)).toEqual([new Set(["big"])]);
  expect(
    groupsOf(
      new Map([
        ["a", 1],
        ["b", 1],
      ]),
      60,
      new Set(["b"]),
    ),
  ).toEqual([new Set(["b"])]);
});
