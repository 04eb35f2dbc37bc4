import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AttemptResult } from "../../../../src/relay/coordinator/verdict.ts";
import {
  HOME_PAUSE_MS,
  HOME_WITHIN_MS,
  homecomingOf,
} from "../../../../src/relay/registrations/homecoming.ts";
import { LEAVING_TIMES, nextStep, removedBy } from "../../../../src/relay/registrations/next-step.ts";
import { registeredBy, type Registered } from "../../../../src/relay/registrations/registrations.ts";
import { runnerIdOf } from "../../../../src/relay/registrations/runner-id.ts";
import {
  decodeDeparture,
  encodeDeparture,
  type Departure,
} from "../../../../src/shared/log/state/departure.ts";
import { leavingRunner } from "../../../../src/shared/messages/tunnel/leaving-runner.ts";

function answer(status: number, body: unknown): AttemptResult {
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return { kind: "response", status, headers: {}, body: bytes, broken: false };
}
const reset: AttemptResult = { kind: "failed", cause: "reset", text: "gone" };

describe("a registration that is repeated", () => {
  const duplicate = { detail: { error: "duplicate_runner", message: "online", runner_id: "r1" } };
  const collision = { detail: { error: "agent_name_collision", message: "Agent 'a' is already there" } };
  test.each<[string, AttemptResult, Registered]>([
    ["200 with its id", answer(200, { runner_id: "r1" }), { kind: "known" }],
    ["409 duplicate_runner: somebody else was faster", answer(409, duplicate), { kind: "known" }],
    [
      "200 with another id",
      answer(200, { runner_id: "r2" }),
      { kind: "refused", reason: "200, as another runner" },
    ],
    [
      "409 of another kind",
      answer(409, collision),
      { kind: "refused", reason: "409 Agent 'a' is already there" },
    ],
    ["422", answer(422, { detail: [{ msg: "no" }] }), { kind: "refused", reason: "422" }],
    ["400", answer(400, { detail: "no" }), { kind: "refused", reason: "400 no" }],
    ["401", answer(401, { detail: "no" }), { kind: "unanswered", reason: "status 401" }],
    ["429", answer(429, ""), { kind: "unanswered", reason: "status 429" }],
    ["503", answer(503, "down"), { kind: "unanswered", reason: "status 503" }],
    ["302", answer(302, ""), { kind: "unanswered", reason: "status 302" }],
    ["none", reset, { kind: "unanswered", reason: "reset: gone" }],
  ])("%s", (_, result, expected) => {
    expect(registeredBy(result, "r1")).toEqual(expected);
  });
});

describe("a report whose runner is unknown", () => {
  const known: Registered = { kind: "known" };
  const base = { runner: "r1", withinMs: HOME_WITHIN_MS };

  test("is sent again at once after the runner was registered, once", () => {
    expect(homecomingOf(known, { ...base, forMs: 0, tried: false })).toEqual({ kind: "again" });
    expect(homecomingOf(known, { ...base, forMs: 0, tried: true })).toMatchObject({
      kind: "wait",
      afterMs: HOME_PAUSE_MS,
    });
  });

  const anyRegistered = fc.constantFrom<Registered[]>(
    known,
    { kind: "nothing_kept" },
    { kind: "refused", reason: "409 no" },
    { kind: "unanswered", reason: "503" },
  );

  test("SETTLE-1: whatever the coordinator says, it ends within the bound, with the runner's name in the reason", () => {
    fc.assert(
      fc.property(fc.array(anyRegistered, { minLength: 40 }), fc.nat(1000), (answers, tookMs) => {
        let forMs = 0;
        let tried = false;
        for (const registered of answers) {
          const home = homecomingOf(registered, { ...base, forMs, tried });
          if (home.kind === "dead") {
            expect(home.reason).toContain("runner r1 is gone");
            return;
          }
          expect(forMs).toBeLessThanOrEqual(HOME_WITHIN_MS + tookMs);
          if (home.kind === "again") tried = true;
          forMs += tookMs + (home.kind === "wait" ? Math.max(1, home.afterMs) : 0);
        }
        expect.unreachable("it never ended");
      }),
    );
  });
});

describe("a runner that leaves", () => {
  const times = LEAVING_TIMES;
  const { silentMs, latestMs, keptMs } = times;
  test.each<[string, Parameters<typeof nextStep>[0], ReturnType<typeof nextStep>]>([
    ["asked, no reports", { why: "asked", seenMs: 0, oldMs: 0, waiting: 0 }, "remove"],
    ["asked, reports wait", { why: "asked", seenMs: 0, oldMs: 0, waiting: 1 }, "wait"],
    ["asked, nobody knows", { why: "asked", seenMs: 0, oldMs: 0, waiting: undefined }, "wait"],
    [
      "asked, reports wait for too long",
      { why: "asked", seenMs: latestMs, oldMs: latestMs, waiting: 1 },
      "remove",
    ],
    ["returned, perhaps alive", { why: "returned", seenMs: silentMs - 1, oldMs: 0, waiting: 0 }, "listen"],
    ["returned and silent", { why: "returned", seenMs: silentMs, oldMs: 0, waiting: 0 }, "remove"],
    ["returned, reports wait", { why: "returned", seenMs: silentMs, oldMs: 0, waiting: 2 }, "wait"],
    ["missing, its report waits", { why: "missing", seenMs: 0, oldMs: 0, waiting: 1 }, "wait"],
    ["missing, its report is over", { why: "missing", seenMs: 0, oldMs: 0, waiting: 0 }, "forget"],
    ["kept for too long", { why: "asked", seenMs: 0, oldMs: keptMs + 1, waiting: 1 }, "give_up"],
  ])("%s", (_, it, step) => {
    expect(nextStep(it, times)).toBe(step);
  });

  test("no runner that may be alive is removed, and none stays for ever", () => {
    const any = fc.record({
      why: fc.constantFrom("asked", "returned", "missing" as const),
      seenMs: fc.nat(2 * latestMs),
      oldMs: fc.nat(2 * keptMs),
      waiting: fc.option(fc.nat(3), { nil: undefined }),
    });
    fc.assert(
      fc.property(any, (it) => {
        const step = nextStep(it, times);
        if (step === "remove") {
          expect(it.why).not.toBe("missing");
          expect(it.why === "returned" && it.seenMs < silentMs).toBe(false);
          expect(it.waiting === 0 || it.seenMs >= latestMs).toBe(true);
        }
        if (it.seenMs >= latestMs) expect(["listen", "wait"]).not.toContain(step);
      }),
    );
  });

  test.each<[number, string]>([
    [200, "gone"],
    [204, "gone"],
    [404, "gone"],
    [400, "refused"],
    [405, "refused"],
    [401, "later"],
    [403, "later"],
    [408, "later"],
    [429, "later"],
    [302, "later"],
    [500, "later"],
    [503, "later"],
  ])("a removal answered with %i: %s", (status, removed) => {
    expect(removedBy(answer(status, { detail: "so" }))).toBe(removed);
    expect(removedBy(reset)).toBe("later");
    if (status !== 204) expect(removedBy(answer(status, "<html>a proxy's page</html>"))).toBe("later");
  });

  test.each<[string, string, string | undefined]>([
    ["DELETE", "/runners/r1?self=true", "r1"],
    ["DELETE", "/runners/r1/?self=True", "r1"],
    ["DELETE", "//runners//r1?x=1&self=1", "r1"],
    ["DELETE", "/runners/r%31?self=true", "r1"],
    ["DELETE", "/runners/r1", undefined],
    ["DELETE", "/runners/r1?self=false", undefined],
    ["DELETE", "/runners/r1?self=true&self=false", undefined],
    ["DELETE", "/runners/r%2F1?self=true", undefined],
    ["DELETE", "/runners/%zz?self=true", undefined],
    ["DELETE", "/runners?self=true", undefined],
    ["DELETE", "/runners/r1/x?self=true", undefined],
    ["GET", "/runners/r1?self=true", undefined],
    ["DELETE", `/runners/${"r".repeat(300)}?self=true`, undefined],
  ])("%s %s is a runner's own removal: %s", (method, target, runner) => {
    expect(leavingRunner(method, target)).toBe(runner);
  });
});

describe("whose report it is", () => {
  test.each<[string, string, string | undefined]>([
    ["a plain one", '{"runner_id":"r1","signal":"SIGTERM"}', "r1"],
    ["written with escapes", '{"runner_\\u0069d":"r\\u0031"}', "r1"],
    ["named twice: the last one counts", '{"runner_id":"r1","runner_id":"r2"}', "r2"],
    ["inside something else", '{"x":{"runner_id":"r1"}}', undefined],
    ["no text", '{"runner_id":7}', undefined],
    ["no usable name", '{"runner_id":"../x"}', undefined],
    ["too long a name", `{"runner_id":"${"r".repeat(2000)}"}`, undefined],
    ["no JSON", "runner_id", undefined],
    ["nothing", "", undefined],
  ])("%s", async (_, body, runner) => {
    expect(await runnerIdOf(Buffer.from(body))).toBe(runner);
  });

  test("behind megabytes of an executor's last words it is found, and others are served meanwhile", async () => {
    const body = Buffer.from(JSON.stringify({ error: "x".repeat(2 * 1024 * 1024), runner_id: "r1" }));
    let turns = 0;
    const counting = setInterval(() => turns++, 0);
    expect(await runnerIdOf(body)).toBe("r1");
    clearInterval(counting);
    expect(turns).toBeGreaterThan(3);
  });
});

describe("what is kept of a runner that leaves", () => {
  test("comes back as it was, and anything else is none", () => {
    const record: Departure = { v: 1, runner: "r1", why: "returned", since: 17, session: "s", text: "t" };
    expect(decodeDeparture(encodeDeparture(record))).toEqual(record);
    expect(decodeDeparture(encodeDeparture({ ...record, text: "x".repeat(9000) }))?.text).toHaveLength(500);
    for (const other of ["", "null", "[]", "{}", '{"v":2,"runner":"r","why":"asked","since":1}', "{"])
      expect(decodeDeparture(Buffer.from(other)), other).toBeUndefined();
    expect(decodeDeparture(encodeDeparture({ ...record, runner: "a/b" }))).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void decodeDeparture(bytes)));
  });
});
