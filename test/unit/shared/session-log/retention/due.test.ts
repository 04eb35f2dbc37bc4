import * as fc from "fast-check";
import { expect, test } from "vitest";
import { dueOf, type RetentionLimits } from "../../../../../src/shared/session-log/retention/due.ts";
import {
  hold,
  NOTHING_HELD,
  released,
  type HeldEvent,
} from "../../../../../src/shared/session-log/retention/holding.ts";

const DAY = 86_400_000;
const NOW = 100 * DAY;
const LIMITS: RetentionLimits = { maxAge: 30 * DAY, maxBytes: 1000 };

/** `kind[:turn]` each, 100 bytes and a day apart, the last one today. */
function events(kinds: string): HeldEvent[] {
  const all = kinds.split(" ");
  return all.map((text, i) => {
    const [kind = "", turn] = text.split(":");
    const at = NOW - (all.length - 1 - i) * DAY;
    return { seq: i + 1, kind, bytes: 100, at, ...(turn === undefined ? {} : { turn }) };
  });
}

const TURN = (turn: string): string =>
  `in.turn out.turn_started:${turn} out.text out.text out.turn_ended:${turn}`;

test.each<[string, string, RetentionLimits, { floor: number; kinds: string[] } | undefined]>([
  ["nothing is old or too much", TURN("a"), LIMITS, undefined],
  ["the last turn that ended stays, however old", TURN("a"), { maxAge: 0, maxBytes: 0 }, undefined],
  [
    "what lies below its start goes",
    `in.created ${TURN("a")} ${TURN("b")}`,
    { maxAge: 0, maxBytes: 1e9 },
    { floor: 6, kinds: ["out.text", "out.turn_started"] },
  ],
  [
    "a turn that runs keeps all that follows the last end",
    `${TURN("a")} in.turn out.turn_started:b out.text`,
    { maxAge: 0, maxBytes: 0 },
    undefined,
  ],
  [
    "a turn that never ended protects what is before it",
    "in.turn out.turn_started:a out.text out.text",
    { maxAge: 0, maxBytes: 0 },
    undefined,
  ],
  [
    "an end without a start changes nothing",
    "in.turn out.turn_started:a out.text out.turn_ended:b",
    { maxAge: 0, maxBytes: 0 },
    undefined,
  ],
  [
    "pushed events go oldest first, but the newest stays",
    "in.created in.push in.push in.push",
    { maxAge: 0, maxBytes: 0 },
    undefined,
  ],
  [
    "a question of a turn stays in reach of its answer",
    "in.turn out.turn_started:a out.permission_request in.decision",
    { maxAge: 0, maxBytes: 0 },
    undefined,
  ],
])("%s", (_, kinds, limits, due) => {
  const found = dueOf(hold(NOTHING_HELD, events(kinds)), limits, NOW);
  expect(found && { floor: found.floor, kinds: found.kinds.map(({ kind }) => kind) }).toEqual(due);
});

test("of the changes of a session's metadata the newest stays, however far the floor rises", () => {
  const all = events(`in.created in.changed in.changed ${TURN("a")} ${TURN("b")}`);
  const due = dueOf(hold(NOTHING_HELD, all), { maxAge: 0, maxBytes: 1e9 }, NOW);
  expect(due?.floor).toBe(8);
  expect(due?.kinds[0]).toEqual({ kind: "in.changed", below: 3 });
  const later = events(`in.created in.changed ${TURN("a")} ${TURN("b")} in.changed`);
  const low = dueOf(hold(NOTHING_HELD, later), { maxAge: 0, maxBytes: 1e9 }, NOW);
  expect(low?.kinds[0]).toEqual({ kind: "in.changed", below: low?.floor });
});

test("in a session without turns pushed events go by age, block by block", () => {
  const pushed = Array.from({ length: 1000 }, (_, i): HeldEvent => ({
    seq: i + 1,
    kind: "in.push",
    bytes: 10,
    at: NOW - (1000 - i) * (DAY / 10),
  }));
  const holding = hold(NOTHING_HELD, pushed);
  const due = dueOf(holding, { maxAge: 50 * DAY, maxBytes: 1e9 }, NOW);
  expect(due).toEqual({ floor: 257, kinds: [{ kind: "in.push", below: 257 }], events: 256 }); // 500 are too old, and a block and a half of that
  expect(dueOf(released(holding, 257), { maxAge: 50 * DAY, maxBytes: 1e9 }, NOW)).toBeUndefined();
  expect(dueOf(holding, { maxAge: 1e12, maxBytes: 9000 }, NOW)).toEqual({
    floor: 513,
    kinds: [{ kind: "in.push", below: 513 }],
    events: 512,
  });
});

test("what is removed never was the last turn that ended, one that runs, or what stays with its session", () => {
  const step = fc.record({
    what: fc.constantFrom("start", "end", "text", "ask", "turn", "push", "decision", "owner", "change"),
    bytes: fc.integer({ min: 1, max: 400 }),
    days: fc.integer({ min: 0, max: 9 }),
  });
  const limits = fc.record({
    maxAge: fc.integer({ min: 0, max: 60 * DAY }),
    maxBytes: fc.integer({ min: 0, max: 5000 }),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      limits,
      fc.integer({ min: 1, max: 8 }),
      (steps, limit, pages) => {
        let [at, turn] = [0, 0];
        let running = false;
        const all: HeldEvent[] = [];
        for (const { what, bytes, days } of steps) {
          at += days * DAY;
          if (what === "start" ? running : what === "end" && !running) continue;
          if (what === "start") turn++;
          if (what === "start" || what === "end") running = what === "start";
          const kind = {
            start: "out.turn_started",
            end: "out.turn_ended",
            text: "out.text",
            ask: "out.permission_request",
            turn: "in.turn",
            push: "in.push",
            decision: "in.decision",
            owner: "out.owner",
            change: "in.changed",
          }[what];
          all.push({
            seq: all.length + 1,
            kind,
            bytes,
            at,
            ...(what === "start" || what === "end" ? { turn: `t${turn}` } : {}),
          });
        }
        let holding = NOTHING_HELD;
        for (let i = 0; i < all.length; i += pages)
          holding = hold(holding, all.slice(Math.max(0, i - 1), i + pages)); // with some seen twice
        expect(holding.bytes).toBe(all.reduce((sum, { bytes }) => sum + bytes, 0));
        const due = dueOf(holding, limit, at);
        if (due === undefined) return;
        const starts = all.filter(({ kind }) => kind === "out.turn_started");
        const ended = starts.filter(({ turn: id }) =>
          all.some(({ kind, turn: of }) => kind === "out.turn_ended" && of === id),
        );
        const hasTurns = all.some(({ kind }) => kind === "in.turn" || kind.startsWith("out."));
        expect(due.floor).toBeLessThanOrEqual(hasTurns ? (ended.at(-1)?.seq ?? 0) : all.length);
        for (const kept of ["in.created", "in.turn", "in.decision", "out.owner", "out.turn_ended"])
          expect(due.kinds.map(({ kind }) => kind)).not.toContain(kept);
        const newest = all.findLast(({ kind }) => kind === "in.changed");
        if (newest !== undefined)
          for (const { kind, below } of due.kinds)
            if (kind === "in.changed") expect(below).toBeLessThanOrEqual(newest.seq);
        // the newest change stays, and is not counted any more
        const gone = all.filter(
          ({ seq, kind }) => seq < due.floor && due.kinds.some((it) => it.kind === kind),
        );
        expect(due.events).toBe(gone.length);
        // and what remains is what is known of it
        const rest = released(holding, due.floor);
        expect(rest.bytes).toBe(
          all.filter((it) => !gone.includes(it)).reduce((sum, { bytes }) => sum + bytes, 0),
        );
        const oldest = gone.at(-1)?.at ?? 0;
        expect(oldest < at - limit.maxAge || holding.bytes > limit.maxBytes).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});
