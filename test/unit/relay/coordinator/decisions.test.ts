import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  delayFor,
  FIRST_DELAY_MS,
  MAX_DELAY_MS,
  MAX_RETRY_AFTER_MS,
  retryAfterMs,
} from "../../../../src/relay/coordinator/backoff.ts";
import { Breaker } from "../../../../src/relay/coordinator/breaker.ts";
import { healthOf } from "../../../../src/relay/coordinator/health.ts";
import { judgeLateBind } from "../../../../src/relay/coordinator/late-bind.ts";
import { Outcomes } from "../../../../src/relay/coordinator/outcomes.ts";
import { Refusals } from "../../../../src/relay/coordinator/refusals.ts";
import { targetOf } from "../../../../src/relay/coordinator/target.ts";
import type { AttemptResult } from "../../../../src/relay/coordinator/verdict.ts";
import type { Envelope } from "../../../../src/shared/log/schema/envelope.ts";
import { sessionIdProblem } from "../../../../src/shared/log/schema/session-id.ts";
import { KINDS } from "../../../../src/shared/log/schema/subjects.ts";

function answer(status: number, body: unknown, broken = false): AttemptResult {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { kind: "response", status, headers: {}, body: Buffer.from(text), broken };
}

const REFUSED: AttemptResult = { kind: "failed", cause: "connect", text: "ECONNREFUSED" };

describe("the delay before the next attempt", () => {
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  test("doubles from 500 ms to 30 s, with full jitter", () => {
    const ceilings = [1, 2, 3, 6, 7, 8, 1000].map((attempt) => delayFor(attempt, 1));
    expect(ceilings).toEqual([500, 1000, 2000, 16_000, 30_000, 30_000, 30_000]);
    expect(delayFor(5, 0)).toBe(0);
  });

  test("is never less than what was asked for, as long as that is sensible, and never more than both", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), unit, fc.nat(1e9), (attempt, random, asked) => {
        const delay = delayFor(attempt, random, asked);
        expect(delay).toBeGreaterThanOrEqual(Math.min(asked, MAX_RETRY_AFTER_MS));
        expect(delay).toBeLessThanOrEqual(Math.max(MAX_DELAY_MS, Math.min(asked, MAX_RETRY_AFTER_MS)));
        if (asked === 0) expect(delay).toBeLessThan(FIRST_DELAY_MS * 2 ** Math.min(attempt - 1, 30));
      }),
    );
  });

  test.each<[string | undefined, number | undefined]>([
    [undefined, undefined],
    ["0", 0],
    ["120", 120_000],
    [" 5 ", 5000],
    ["soon", undefined],
    ["", undefined],
    ["Sat, 21 Nov 2026 12:00:30 GMT", 30_000],
    ["Sat, 21 Nov 2026 11:00:00 GMT", 0],
  ])("Retry-After %j", (header, ms) => {
    expect(retryAfterMs(header, Date.UTC(2026, 10, 21, 12))).toBe(ms);
  });

  test("whatever a Retry-After says, it is no time or one that is not negative", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.integer().map(String)), (header) => {
        const ms = retryAfterMs(header, 1e12);
        if (ms !== undefined) expect(ms).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe("Outcomes", () => {
  test("counts what happened within the window, to a tenth of it", () => {
    const event = fc.record({
      after: fc.nat(2500),
      session: fc.constantFrom("a", "b", "c"),
      hit: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 60 }), (events) => {
        const outcomes = new Outcomes(10_000);
        let now = 1000;
        const all: { at: number; session: string; hit: boolean }[] = [];
        for (const { after, session, hit } of events) {
          now += after;
          outcomes.record(now, session, hit);
          all.push({ at: now, session, hit });
        }
        const within = (ms: number): typeof all => all.filter(({ at }) => now - at < ms);
        const { attempts, hits, sessions } = outcomes.summary();
        expect(attempts).toBeGreaterThanOrEqual(within(9000).length);
        expect(attempts).toBeLessThanOrEqual(within(10_000).length);
        expect(hits).toBeLessThanOrEqual(attempts);
        const sessionsWithin = (ms: number): number =>
          new Set(
            within(ms)
              .filter((e) => e.hit)
              .map((e) => e.session),
          ).size;
        expect(sessions).toBeGreaterThanOrEqual(sessionsWithin(9000));
        expect(sessions).toBeLessThanOrEqual(sessionsWithin(10_000));
      }),
    );
  });
});

describe("Breaker", () => {
  test("opens at the third connection in a row that nobody answers, in one session too", () => {
    const breaker = new Breaker();
    expect([breaker.failure(1, "a", true), breaker.failure(2, "a", true)]).toEqual([false, false]);
    expect(breaker.failure(3, "a", true)).toBe(true);
  });

  test("not when somebody answers in between", () => {
    const breaker = new Breaker();
    breaker.failure(1, "a", true);
    breaker.failure(2, "a", true);
    breaker.success(3, "b");
    expect(breaker.failure(4, "a", true)).toBe(false);
    breaker.failure(5, "a", false);
    expect([breaker.failure(6, "a", true), breaker.failure(7, "a", true)]).toEqual([false, false]);
  });

  test("opens at 70 % failures of 10 attempts over 3 sessions, forgotten after 10 s", () => {
    const run = (sessions: string[], failures: number, attempts: number, spreadMs = 10): boolean => {
      const breaker = new Breaker();
      let open = false;
      for (let i = 0; i < attempts; i++) {
        const session = sessions[i % sessions.length] ?? "";
        if (i < attempts - failures) breaker.success(i * spreadMs, session);
        else open = breaker.failure(i * spreadMs, session, false);
      }
      return open;
    };
    expect(run(["a", "b", "c"], 7, 10)).toBe(true);
    expect(run(["a", "b", "c"], 6, 10)).toBe(false);
    expect(run(["a", "b", "c"], 9, 9)).toBe(false);
    expect(run(["a", "b"], 30, 30)).toBe(false); // ISOLATE-1: two sick sessions are no outage
    expect(run(["a", "b", "c"], 30, 30, 2000)).toBe(false);
  });

  test("starts afresh", () => {
    const breaker = new Breaker();
    for (let i = 0; i < 9; i++) breaker.failure(i, `s${i}`, false);
    breaker.reset();
    expect(breaker.failure(10, "a", false)).toBe(false);
  });
});

describe("Refusals", () => {
  const run = (refused: number, accepted: number, sessions: number): boolean => {
    const refusals = new Refusals();
    for (let i = 0; i < accepted; i++) refusals.record(i, `s${i}`, false);
    let rule = false;
    for (let i = 0; i < refused; i++) rule = refusals.record(accepted + i, `s${i % sessions}`, true);
    return rule;
  };

  test.each([
    [11, 9, 5, true],
    [10, 10, 5, false],
    [19, 0, 5, false],
    [20, 0, 5, true],
    [100, 0, 4, false],
  ])("%i refused and %i accepted over %i sessions: the rule? %s", (refused, accepted, sessions, rule) => {
    expect(run(refused, accepted, sessions)).toBe(rule);
  });
});

describe("GET /health", () => {
  test.each<[string, AttemptResult, ReturnType<typeof healthOf>["kind"]]>([
    ["200 with JSON", answer(200, { status: "ok" }), "well"],
    ["404 in JSON: not every coordinator has it", answer(404, { detail: "Not Found" }), "unknown"],
    ["401 in JSON", answer(401, { detail: "no" }), "unknown"],
    ["a web page", answer(200, "<html>"), "wrong_address"],
    ["a web page's 404", answer(404, "<html>"), "wrong_address"],
    ["nothing", answer(204, ""), "wrong_address"],
    ["a redirect", answer(302, ""), "wrong_address"],
    ["407 of a proxy, in JSON", answer(407, { error: "login" }), "wrong_address"],
    ["500", answer(500, { detail: "no" }), "away"],
    ["503 of an ingress", answer(503, "<html>"), "away"],
    ["429", answer(429, ""), "away"],
    ["broken off", answer(200, '{"st', true), "away"],
    ["nobody", REFUSED, "away"],
  ])("%s", (_, result, kind) => {
    expect(healthOf(result).kind).toBe(kind);
  });

  test("tells whether there was a connection at all", () => {
    expect(healthOf(REFUSED)).toMatchObject({ connection: true });
    expect(healthOf({ kind: "failed", cause: "timeout", text: "" })).toMatchObject({ connection: false });
    expect(healthOf(answer(503, ""))).toMatchObject({ connection: false });
  });
});

function envelope(over: Partial<Envelope>): Envelope {
  return {
    v: 1,
    id: "e",
    kind: "event",
    session: "s",
    runner: "r",
    epoch: "1",
    seq: 1,
    at: 0,
    type: "application/json",
    body: new Uint8Array(),
    ...over,
  };
}

describe("where an event goes", () => {
  test("each kind has its route", () => {
    expect(targetOf(envelope({ kind: "bind" }))).toEqual({ method: "POST", path: "/sessions/s/bind" });
    expect(targetOf(envelope({ kind: "event" }))).toEqual({ method: "POST", path: "/sessions/s/events" });
    expect(targetOf(envelope({ kind: "metadata" }))).toEqual({
      method: "PATCH",
      path: "/sessions/s/metadata",
    });
    expect(targetOf(envelope({ kind: "run" }))).toEqual({
      method: "POST",
      path: "/runner/sessions/s/status",
    });
    const run = { id: "r 1", report: "completed" };
    expect(targetOf(envelope({ kind: "run", run }))).toEqual({
      method: "POST",
      path: "/runner/runs/r%201/completed",
    });
  });

  test("no accepted id leads to another route", () => {
    const hostile = fc.oneof(
      fc.string({ minLength: 1, maxLength: 30 }),
      fc.constantFrom(
        "..",
        ".",
        "a/../../runs",
        "%2e%2e",
        "a?b",
        "a#b",
        "..%2f..",
        "a\\..\\b",
        "é",
        "a b",
        "%",
        "//evil",
      ),
    );
    fc.assert(
      fc.property(hostile, hostile, fc.constantFrom(...KINDS), (session, run, kind) => {
        fc.pre(sessionIdProblem(session) === undefined && sessionIdProblem(run) === undefined);
        const { path } = targetOf(envelope({ kind, session, run: { id: run, report: "started" } }));
        expect(new URL(path, "http://c").pathname).toBe(path);
        const [, ...parts] = path.split("/");
        expect(parts).toHaveLength(kind === "run" ? 4 : 3);
        expect(decodeURIComponent(parts.at(-2) ?? "")).toBe(kind === "run" ? run : session);
      }),
    );
  });
});

describe("late binds", () => {
  type Answers = Record<string, AttemptResult>;
  const judge = async (answers: Answers): Promise<string> => {
    const judged = await judgeLateBind(envelope({ kind: "bind", session: "a b" }), (path) =>
      Promise.resolve(answers[path] ?? REFUSED),
    );
    return judged.kind;
  };
  const STATUS = "/sessions/a%20b/status";
  const over = answer(200, { status: "finished" });
  const runs = (...list: unknown[]): AttemptResult => answer(200, { runs: list });

  test.each<[string, Answers, string]>([
    ["a running session", { [STATUS]: answer(200, { status: "running" }) }, "send"],
    [
      "a session nobody knows: the coordinator's answer to the bind will say so",
      { [STATUS]: answer(200, { status: "not_existent" }) },
      "send",
    ],
    ["a finished session without runs", { [STATUS]: over, "/runs": runs() }, "superseded"],
    [
      "a finished session, its run over",
      { [STATUS]: over, "/runs": runs({ session_id: "a b", status: "completed" }) },
      "superseded",
    ],
    [
      "a finished session that is resumed",
      { [STATUS]: over, "/runs": runs({ session_id: "a b", status: "claimed" }) },
      "send",
    ],
    [
      "a finished session, another's run",
      { [STATUS]: over, "/runs": runs({ session_id: "b", status: "running" }) },
      "superseded",
    ],
    ["runs of a strange form", { [STATUS]: over, "/runs": runs(null, 3, "x", {}) }, "superseded"],
    ["nobody answers", {}, "undecided"],
    ["no status", { [STATUS]: answer(200, {}) }, "undecided"],
    ["a web page", { [STATUS]: answer(200, "<html>") }, "undecided"],
    ["an error", { [STATUS]: answer(500, { status: "finished" }) }, "undecided"],
    ["half an answer", { [STATUS]: answer(200, { status: "finished" }, true) }, "undecided"],
    ["runs that cannot be read", { [STATUS]: over, "/runs": answer(200, []) }, "undecided"],
  ])("%s", async (_, answers, kind) => {
    expect(await judge(answers)).toBe(kind);
  });
});
