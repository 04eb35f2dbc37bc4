import { SHARDS, eventSubject } from "../../../support/eight-shards.ts";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { choose } from "../../../../src/operate/replay/choose.ts";
import { endsSession } from "../../../../src/operate/replay/finished.ts";
import { createPace, HEAD_START, mayAdd } from "../../../../src/operate/replay/pace.ts";
import { decodeReplay } from "../../../../src/operate/replay/record.ts";
import {
  filtersOf,
  parseRate,
  parseSelection,
  parseWhen,
  wantsKind,
} from "../../../../src/operate/replay/selection.ts";
import { isCoded } from "../../../../src/shared/base/errors.ts";
import { KINDS, parseEventSubject } from "../../../../src/shared/log/schema/subjects.ts";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const usage = expect.objectContaining({ code: "usage" }) as Error;

describe("selection", () => {
  test.each([
    ["2h", NOW - 7_200_000],
    ["90s", NOW - 90_000],
    ["1h30m", NOW - 5_400_000],
    ["1.5d", NOW - 129_600_000],
    ["2026-03-01T10:00:00Z", NOW - 7_200_000],
    ["2026-03-01T11:00:00+01:00", NOW - 7_200_000],
    ["2026-03-01", NOW - 12 * 3_600_000],
  ])("--since %s", (text, at) => expect(parseWhen("--since", text, NOW)).toBe(at));
  test.each(["yesterday", "2", "2w", "", "2026", "12:00", "2026-13-01", "-2h"])(
    "--since %j is refused",
    (text) => expect(() => parseWhen("--since", text, NOW)).toThrow(usage),
  );
  test.each([
    ["500/s", 500],
    ["30/m", 0.5],
    ["0.5", 0.5],
  ])("--rate %s", (text, rate) => expect(parseRate(text)).toBe(rate));
  test.each(["0", "-1", "fast", "5/h", ""])("--rate %j is refused", (text) =>
    expect(() => parseRate(text)).toThrow(usage),
  );
  test.each([
    [{}],
    [{ includeBinds: true }],
    [{ session: ["a/b"] }],
    [{ kind: ["events"] }],
    [{ fromSeq: "0" }],
    [{ fromSeq: "1e3" }],
    [{ fromSeq: "5", toSeq: "4" }],
    [{ since: "1h", until: "2h" }],
  ])("%j is refused", (text) => expect(() => parseSelection(text, NOW)).toThrow(usage));
  test("what is given twice counts once, lists of kinds are taken apart", () => {
    const selection = parseSelection({ session: ["a", "b", "a"], kind: ["bind, event", "event"] }, NOW);
    expect(selection).toEqual({ sessions: ["a", "b"], kinds: ["bind", "event"], includeBinds: false });
  });
  test("run reports only if they are named", () => {
    expect(KINDS.filter((kind) => wantsKind({ kinds: [] }, kind))).toEqual(["bind", "event", "metadata"]);
    expect(wantsKind({ kinds: ["run"] }, "run")).toBe(true);
  });
  test("a filter finds the events of its session and no others", () => {
    const text = fc.string({ minLength: 1, maxLength: 20, unit: "grapheme" });
    fc.assert(
      fc.property(text, text, text, fc.constantFrom(...KINDS), (wanted, session, runner, kind) => {
        const [filter = ""] = filtersOf({ sessions: [wanted], kinds: [] }, SHARDS);
        const subject = eventSubject(runner, session, kind);
        expect(parseEventSubject(subject)?.session).toBe(session);
        expect(matches(filter, subject)).toBe(session === wanted);
        expect(matches(filter, eventSubject(runner, wanted, kind, "replay"))).toBe(false);
      }),
    );
  });
});

function matches(filter: string, subject: string): boolean {
  const tokens = subject.split(".");
  const parts = filter.split(".");
  return parts.length === tokens.length && parts.every((part, i) => part === "*" || part === tokens[i]);
}

describe("choice", () => {
  const all = { kinds: [], includeBinds: false };
  test.each([
    ["a delivered event goes", all, { kind: "event", settled: true, finishedLater: false }, { kind: "send" }],
    [
      "what waits is sent anyway",
      all,
      { kind: "event", settled: false, finishedLater: false },
      { kind: "leave", why: "waiting" },
    ],
    ["a bind goes", all, { kind: "bind", settled: true, finishedLater: false }, { kind: "send" }],
    [
      "not that of a finished session",
      all,
      { kind: "bind", settled: true, finishedLater: true },
      { kind: "leave", why: "binds" },
    ],
    [
      "unless it is asked for",
      { ...all, includeBinds: true },
      { kind: "bind", settled: true, finishedLater: true },
      { kind: "send" },
    ],
    [
      "an event of a finished session goes",
      all,
      { kind: "event", settled: true, finishedLater: true },
      { kind: "send" },
    ],
    [
      "no dead letter",
      all,
      { kind: "event", settled: true, finishedLater: false, dead: true },
      { kind: "leave", why: "dead" },
    ],
    [
      "no run report",
      all,
      { kind: "run", settled: true, finishedLater: false },
      { kind: "leave", why: "runReports" },
    ],
    [
      "unless it is named",
      { ...all, kinds: ["run"] },
      { kind: "run", settled: true, finishedLater: false },
      { kind: "send" },
    ],
    [
      "no other kind",
      { ...all, kinds: ["bind"] },
      { kind: "event", settled: true, finishedLater: false },
      { kind: "other" },
    ],
  ] as const)("%s", (_, selection, facts, expected) => {
    expect(choose({ ...selection, kinds: [...selection.kinds] }, { dead: false, ...facts })).toEqual(
      expected,
    );
  });

  test.each([
    [{ kind: "run", run: { id: "r", report: "completed" } }, true],
    [{ kind: "run", run: { id: "r", report: "started" } }, false],
    [{ kind: "run", body: '{"runner_id":"x","status":"finished"}' }, true],
    [{ kind: "run", body: '{"runner_id":"x","status":"running"}' }, false],
    [{ kind: "event", body: '{"status":"finished"}' }, false],
  ] as const)(
    "%j ends its session: %s",
    (
      { body, ...rest }: { kind: "run" | "event"; body?: string; run?: { id: string; report: string } },
      ends,
    ) => {
      expect(endsSession({ ...rest, body: Buffer.from(body ?? "") })).toBe(ends);
    },
  );
});

describe("pace", () => {
  test("never more than the rate allows, but for a tenth of a second after a pause", () => {
    const steps = fc.array(fc.nat({ max: 300 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), steps, (rate, waits) => {
        const pace = createPace(rate, 0);
        let now = 0;
        const went: number[] = [];
        for (const wait of waits) {
          now += wait;
          while (pace.due(now) < 1) {
            pace.took();
            went.push(now);
          }
        }
        const paced = went.slice(HEAD_START);
        for (const [i, at] of paced.entries()) {
          const within = paced.slice(i).filter((it) => it < at + 1000).length;
          expect(within).toBeLessThanOrEqual(rate + Math.ceil(rate * 0.1) + Math.ceil(rate / 1000) + 1);
        }
      }),
    );
  });
  test("the first hundred go at once", () => {
    const pace = createPace(1, 0);
    for (let i = 0; i < HEAD_START; i++) {
      expect(pace.due(0)).toBe(0);
      pace.took();
    }
    expect(pace.due(0)).toBe(0); // the first of those that are paced
    pace.took();
    expect(pace.due(0)).toBe(1000);
  });
  test("nothing is added behind a heap, whatever waited before", () => {
    expect(mayAdd(0, 0)).toBe(true);
    expect(mayAdd(1000, 0)).toBe(false);
    expect(mayAdd(50_999, 50_000)).toBe(true);
    expect(mayAdd(51_000, 50_000)).toBe(false);
  });
});

test("a run's state: newer ones and nonsense are refused", () => {
  const refusal = (value: unknown): string | undefined => {
    try {
      decodeReplay(Buffer.from(typeof value === "string" ? value : JSON.stringify(value)));
      return undefined;
    } catch (error) {
      return isCoded(error) ? error.code : "?";
    }
  };
  expect(refusal({ v: 2 })).toBe("schema_newer");
  expect(refusal("{")).toBe("envelope_invalid");
  expect(refusal({ v: 1, run: "a" })).toBe("envelope_invalid");
});
