import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TurnOutcome } from "../../../../src/relay/lanes/turn-outcome.ts";
import type { PoisonPolicy } from "../../../../src/relay/turns/burial.ts";
import { createStage, response, type Stage } from "../lanes/turn-stage.ts";

type StageEntry = ReturnType<Stage["entry"]>;

function take(stage: Stage, entry: StageEntry = stage.entry(), probe = false): Promise<TurnOutcome> {
  return stage.turn.single(stage.lane, entry, { ...stage.context, probe });
}

describe("a kept connection that was closed as it was used", () => {
  const closed = { kind: "failed", cause: "closed", text: "other side closed" } as const;
  const alone = (stage: Stage): Promise<TurnOutcome> => take(stage);
  const together = async (stage: Stage): Promise<TurnOutcome | undefined> => {
    const outcome = await stage.batch(stage.lane, [stage.entry(), stage.entry()], stage.context);
    return outcome.kind === "batch" ? outcome.next : outcome;
  };

  test.each([
    ["alone", alone],
    ["in a batch", together],
  ])(
    "costs an event %s no wait and the coordinator no bad name; the next attempt has a fresh one",
    async (_, send) => {
      const stage = createStage();
      stage.answer = () => closed;
      expect(await send(stage)).toEqual({ kind: "again" });
      expect(stage.verdicts).toEqual([]);
      expect(await send(stage)).toMatchObject({ kind: "retry", counts: true }); // at which a server always hangs up
      expect(stage.verdicts).toEqual([["retry", false]]);
      expect(stage.sent.map(({ fresh }) => fresh)).toEqual([false, true]);
    },
  );

  test("only until the head is settled", async () => {
    const stage = createStage();
    stage.answer = () => closed;
    await take(stage);
    stage.lane.succeeded();
    expect(await take(stage)).toEqual({ kind: "again" });
  });
});

describe("what is sent", () => {
  test("the body byte for byte, with what makes a repeat recognizable", async () => {
    const stage = createStage();
    const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    expect(await take(stage, stage.entry({ id: "id-1", epoch: "e9", trace }))).toEqual({
      kind: "settled",
      how: "delivered",
    });
    expect(stage.sent).toEqual([
      {
        method: "POST",
        path: "/sessions/s/events",
        headers: {
          "content-type": "application/json",
          accept: "application/json",
          "idempotency-key": "id-1",
          "rr-session-seq": "e9-1",
          "rr-stream-seq": "1700-1",
          traceparent: trace,
          authorization: "Bearer t1",
        },
        body: Buffer.from('{"n":1}'),
        fresh: false,
      },
    ]);
  });

  test("CRED-1: nothing without a credential; everything waits, and the event is not harmed", async () => {
    const stage = createStage();
    stage.credential = {
      kind: "unavailable",
      code: "token_unavailable",
      reason: "no issuer",
      retryAfterMs: 1,
    };
    expect(await take(stage)).toEqual({ kind: "again" });
    expect(stage.sent).toEqual([]);
    expect(stage.pauses).toEqual(["token_unavailable"]);
  });

  test("ORDER-1: nothing without the lease, also when that ended while a token was fetched", async () => {
    const stage = createStage();
    stage.mayForward = false;
    expect(await take(stage)).toEqual({ kind: "fenced" });
    stage.mayForward = true;
    stage.meanwhile = () => (stage.mayForward = false);
    expect(await take(stage)).toEqual({ kind: "fenced" });
    expect(await stage.batch(stage.lane, [stage.entry(), stage.entry()], stage.context)).toMatchObject({
      next: { kind: "fenced" },
    });
    expect(stage.sent).toEqual([]);
  });

  test("nothing is sent any more when an operator paused while a token was fetched", async () => {
    const stage = createStage();
    stage.meanwhile = () => (stage.paused = true);
    expect(await take(stage)).toEqual({ kind: "again" });
    expect(await stage.batch(stage.lane, [stage.entry(), stage.entry()], stage.context)).toMatchObject({
      next: { kind: "again" },
    });
    expect(stage.sent).toEqual([]);
  });

  test("the gate is told of the verdict, and of a probe", async () => {
    const stage = createStage();
    await take(stage, stage.entry(), true);
    stage.answer = () => response(503);
    await take(stage);
    expect(stage.verdicts).toEqual([
      ["delivered", true],
      ["retry", false],
    ]);
  });
});

describe("executors that wait", () => {
  test("get the coordinator's answer, unless they were told something already", async () => {
    const stage = createStage();
    await take(stage);
    await take(stage, stage.entry({}, { waiting: false }));
    expect(stage.handed).toEqual(["to.1 answer"]);
  });

  test("get no answer to an attempt that is repeated", async () => {
    const stage = createStage();
    stage.answer = () => response(500);
    await take(stage);
    expect(stage.handed).toEqual([]);
  });

  test.each([true, false])("get a refusal; the dead letter says whether they saw it: %s", async (seen) => {
    const stage = createStage();
    stage.seen = seen;
    stage.answer = () => response(422, { detail: "no" });
    expect(await take(stage)).toEqual({ kind: "settled", how: "dead" });
    expect(stage.handed).toEqual(["to.1 refusal"]);
    expect(stage.letters).toMatchObject([
      { id: "e1", seq: 1, death: { reason: "no", status: 422, attempts: 1, answered: seen } },
    ]);
  });
});

describe("SETTLE-1: a poison event", () => {
  const poison = (): Stage => {
    const stage = createStage();
    stage.answer = () => response(422, { detail: "no" });
    return stage;
  };

  test("is settled only when its letter is stored; until then its verdict stands, and it is not sent again", async () => {
    const stage = poison();
    stage.lettersRefused = true;
    const entry = stage.entry();
    expect(await take(stage, entry)).toMatchObject({ kind: "retry", counts: false });
    expect(stage.sent).toHaveLength(1);
    stage.lettersRefused = false;
    expect(await take(stage, entry)).toEqual({ kind: "settled", how: "dead" });
    expect(stage.sent).toHaveLength(1);
    expect(stage.letters).toHaveLength(1);
    expect(stage.letters[0]?.death).toMatchObject({ status: 422, answered: true });
  });

  test("is not buried when refusals became the rule", async () => {
    const stage = poison();
    stage.carryOut = false;
    expect(await take(stage)).toEqual({ kind: "again" });
    expect(stage.letters).toEqual([]);
    expect(stage.handed).toEqual([]);
  });

  test("parks its session, or stops the relay, by policy", async () => {
    for (const [policy, outcome] of [
      ["park", { kind: "park", reason: "status 422: no" }],
      ["stop", { kind: "again" }],
    ] as const) {
      const stage = createStage(policy);
      stage.answer = () => response(422, { detail: "no" });
      const entry = stage.entry();
      expect(await take(stage, entry)).toEqual(outcome);
      expect(entry.refused, "for the dead letter, if an operator skips it").toEqual({
        status: 422,
        attempts: 1,
        answered: true,
      });
      expect(stage.letters).toEqual([]);
      expect(stage.pauses).toEqual(policy === "stop" ? ["poison_stop"] : []);
    }
  });

  test("an exhausted event that stopped the relay is tried again after a resume; one that cannot be read is not", async () => {
    for (const [death, sent] of [
      [{ reason: "exhausted after 4 attempts: 503", attempts: 4 }, 1],
      [{ reason: "envelope_invalid", attempts: 0 }, 0],
    ] as const) {
      const stage = createStage("stop");
      const entry = stage.entry({}, { death });
      expect(await take(stage, entry)).toEqual({ kind: "again" });
      expect([stage.sent.length, stage.pauses]).toEqual([0, ["poison_stop"]]);
      await take(stage, entry); // somebody resumed
      expect(stage.sent).toHaveLength(sent);
    }
  });

  test("that cannot be read or is exhausted is buried without being sent, whatever the coordinator does", async () => {
    const stage = createStage();
    const death = { reason: "envelope_invalid", attempts: 0 };
    expect(await take(stage, stage.entry({}, { death }))).toEqual({ kind: "settled", how: "dead" });
    expect(stage.sent).toEqual([]);
    expect(stage.letters).toMatchObject([{ death }]);
  });
});

describe("refused credentials", () => {
  const refused = (): Stage => {
    const stage = createStage();
    stage.answer = ({ method }) =>
      method === "GET" ? response(200, { status: "not_existent" }) : response(401, { detail: "expired" });
    return stage;
  };

  test("a fresh token is tried once, at once", async () => {
    const stage = refused();
    stage.fresh = { kind: "ready", headers: { authorization: "Bearer t2" }, generation: 2 };
    expect(await take(stage)).toEqual({ kind: "again" });
    expect(stage.sent).toHaveLength(1);
  });

  test("ISOLATE-1: with a token that others may use, this lane alone waits, and never dies of it", async () => {
    const stage = refused();
    expect(await take(stage)).toMatchObject({ kind: "retry", counts: false });
    expect(stage.pauses).toEqual([]);
  });

  test("everybody waits when the harmless question is refused as well", async () => {
    const stage = refused();
    stage.answer = () => response(403, { detail: "no" });
    expect(await take(stage)).toEqual({ kind: "again" });
    expect(stage.pauses).toEqual(["unauthorized"]);
  });

  test("everybody waits when no fresh token can be had", async () => {
    const stage = refused();
    stage.fresh = { kind: "unavailable", code: "token_unavailable", reason: "no issuer", retryAfterMs: 1 };
    expect(await take(stage)).toEqual({ kind: "again" });
    expect(stage.pauses).toEqual(["token_unavailable"]);
  });
});

describe("a report whose runner the coordinator does not know", () => {
  const run = { id: "r", report: "stopped" };
  function unknown(policy?: PoisonPolicy): { stage: Stage; entry: StageEntry } {
    const stage = createStage(policy);
    stage.answer = () => response(401, { detail: "Runner not registered" });
    return { stage, entry: stage.entry({ kind: "run", run }) };
  }

  test("waits exactly as long as it is told, and nothing is paused by it", async () => {
    const { stage, entry } = unknown();
    expect(await take(stage, entry)).toEqual({
      kind: "retry",
      reason: "not yet",
      afterMs: 2000,
      counts: false,
    });
    expect(stage.pauses).toEqual([]);
    expect(stage.reports).toEqual([{ session: "s", body: entry.envelope?.body, forMs: 0, tried: false }]);
  });

  test("goes again at once when its runner is known again; what is asked next tells of that, and of the coordinator's time", async () => {
    const { stage, entry } = unknown();
    stage.home = { kind: "again" };
    stage.upMs = 1000;
    expect(await take(stage, entry)).toEqual({ kind: "again" });
    stage.upMs = 4500;
    await take(stage, entry);
    expect(stage.reports.map(({ forMs, tried }) => [forMs, tried])).toEqual([
      [0, false],
      [3500, true],
    ]);
    stage.answer = () => response(503);
    await take(stage, entry);
    stage.answer = () => response(401, { detail: "Runner not registered" });
    await take(stage, entry);
    expect(stage.reports.at(-1), "the coordinator may have forgotten it once more").toMatchObject({
      tried: false,
    });
  });

  test.each(["skip", "park", "stop"] as const)(
    "SETTLE-1: becomes a dead letter with the reason, and its session goes on, with the policy %s too",
    async (policy) => {
      const { stage, entry } = unknown(policy);
      stage.home = { kind: "dead", reason: "runner x is gone" };
      expect(await take(stage, entry)).toEqual({ kind: "settled", how: "dead" });
      expect(stage.letters).toMatchObject([
        { death: { reason: "runner x is gone", status: 401, decided: true } },
      ]);
    },
  );
});

describe("a bind that comes late", () => {
  const late = (answers: Record<string, unknown>): Stage => {
    const stage = createStage();
    stage.answer = ({ method, path }) =>
      method === "POST" ? response(200) : path in answers ? response(200, answers[path]) : response(500, "");
    return stage;
  };
  const old = { kind: "bind", at: 0 } as const;

  test("is not asked about when it is fresh", async () => {
    const stage = late({});
    await take(stage, stage.entry({ kind: "bind" }));
    expect(stage.sent.map(({ path }) => path)).toEqual(["/sessions/s/bind"]);
  });

  test("is superseded when its session is over, and that is recorded before it is settled", async () => {
    const stage = late({ "/sessions/s/status": { status: "finished" }, "/runs": { runs: [] } });
    expect(await take(stage, stage.entry(old))).toEqual({ kind: "settled", how: "superseded" });
    expect(stage.superseded).toMatchObject([["e1", expect.stringContaining("finished")]]);
    expect(stage.sent.map(({ method }) => method)).toEqual(["GET", "GET"]);
  });

  test("is sent when its session goes on", async () => {
    const stage = late({ "/sessions/s/status": { status: "running" } });
    expect(await take(stage, stage.entry(old))).toEqual({ kind: "settled", how: "delivered" });
  });

  test("waits when that cannot be found out", async () => {
    const stage = late({});
    expect(await take(stage, stage.entry(old))).toMatchObject({ kind: "retry" });
    expect(stage.sent.map(({ method }) => method)).toEqual(["GET"]);
  });

  test("is not sent when its session was paused while it was asked about", async () => {
    const stage = late({ "/sessions/s/status": { status: "running" } });
    const answer = stage.answer;
    stage.answer = (request) => {
      stage.paused = true;
      return answer(request);
    };
    expect(await take(stage, stage.entry(old))).toEqual({ kind: "again" });
  });

  test("ORDER-1: is not sent when the lease ended while it was asked about", async () => {
    const stage = late({ "/sessions/s/status": { status: "running" } });
    const answer = stage.answer;
    stage.answer = (request) => {
      stage.mayForward = false;
      return answer(request);
    };
    expect(await take(stage, stage.entry(old))).toEqual({ kind: "fenced" });
  });
});

describe("a batch", () => {
  /** Answers a batch by what `judge` says of each key; other requests by the status of their key. */
  function batching(judge: (key: string) => number | undefined): Stage {
    const stage = createStage();
    stage.answer = ({ path, body, headers }) => {
      if (!path.endsWith(":batch")) {
        const status = judge(headers["idempotency-key"] ?? "") ?? 500;
        return response(status, status < 300 ? { ok: true } : { detail: `${status}` });
      }
      const { events } = JSON.parse(Buffer.from(body ?? "").toString()) as { events: { key: string }[] };
      const results = events.flatMap(({ key }) => {
        const status = judge(key);
        return status === undefined ? [] : [{ key, status, detail: `${status}` }];
      });
      return response(200, { results });
    };
    return stage;
  }

  function entries(stage: Stage, count: number): StageEntry[] {
    return Array.from({ length: count }, () => stage.entry());
  }

  async function run(
    stage: Stage,
    list: StageEntry[],
  ): Promise<{ settled: [number, string][]; next: TurnOutcome | undefined }> {
    const outcome = await stage.batch(stage.lane, list, stage.context);
    if (outcome.kind !== "batch") throw new Error(outcome.kind);
    return { settled: [...outcome.settled].map(([entry, how]) => [entry.seq, how]), next: outcome.next };
  }

  test("carries the bodies byte for byte, and settles each by its own result", async () => {
    const stage = batching((key) => (key === "e2" ? 422 : 201));
    const list = [stage.entry({ body: Buffer.from('{"big":9007199254740993}') }), ...entries(stage, 2)];
    expect(await run(stage, list)).toEqual({
      settled: [
        [1, "delivered"],
        [2, "dead"],
        [3, "delivered"],
      ],
      next: undefined,
    });
    expect(Buffer.from(stage.sent[0]?.body ?? "").toString()).toBe(
      '{"events":[{"key":"e1","session_id":"s","seq":"1-1","body":{"big":9007199254740993}},{"key":"e2","session_id":"s","seq":"1-2","body":{"n":2}},{"key":"e3","session_id":"s","seq":"1-3","body":{"n":3}}]}',
    );
    expect(stage.sent[0]?.path).toBe("/sessions/s/events:batch");
  });

  test("SETTLE-1: what has no result, or none to end on, is tried again", async () => {
    const stage = batching((key) => ({ e1: 201, e2: 503, e3: 201 })[key]);
    const { settled, next } = await run(stage, entries(stage, 4));
    expect(settled.map(([seq]) => seq)).toEqual([1, 3]);
    expect(next).toEqual({ kind: "retry", reason: "status 503: 503", counts: true }); // its own, not the batch's
  });

  test("refused as a whole it is halved down to the poison event, and takes no innocent with it", async () => {
    const stage = batching((key) => (key === "e5" ? 422 : 201));
    const { answer } = stage;
    stage.answer = (request) =>
      request.path.endsWith(":batch") && Buffer.from(request.body ?? "").includes('"e5"')
        ? response(422, { detail: "no" })
        : answer(request);
    const { settled, next } = await run(stage, entries(stage, 8));
    expect(settled).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((seq) => [seq, seq === 5 ? "dead" : "delivered"]));
    expect(next).toBeUndefined();
    expect(stage.letters.map(({ id }) => id)).toEqual(["e5"]);
  });

  test.each([404, 409, 415])(
    "SETTLE-1: refused with %i, its first event is judged alone, and only that is settled",
    async (status) => {
      const stage = batching(() => 201);
      const { answer } = stage;
      stage.answer = (request) =>
        request.path.endsWith(":batch") ? response(status, { detail: "no" }) : answer(request);
      expect(await run(stage, entries(stage, 5))).toEqual({
        settled: [[1, "delivered"]],
        next: { kind: "again" },
      });
    },
  );

  /** Refuses every batch with one of these, other requests by the status of their key. */
  function refusing(poison: readonly string[], status: number): Stage {
    const stage = batching((key) => (poison.includes(key) ? 422 : 201));
    const { answer } = stage;
    const holdsPoison = (body: Uint8Array | undefined): boolean =>
      poison.some((key) => Buffer.from(body ?? "").includes(`"${key}"`));
    stage.answer = (request) =>
      request.path.endsWith(":batch") && holdsPoison(request.body)
        ? response(status, { detail: "no" })
        : answer(request);
    return stage;
  }

  const names = Array.from({ length: 8 }, (_, i) => `e${i + 1}`);

  test.each([400, 404, 409, 413, 415, 422])(
    "refused as a whole with %i is no refusal of any event: only what died counts as dead",
    async (status) => {
      await fc.assert(
        fc.asyncProperty(fc.subarray(names, { minLength: 1 }), async (poison) => {
          const stage = refusing(poison, status);
          for (let list = entries(stage, 8); list.length > 0;) {
            const { settled } = await run(stage, list);
            list = list.filter(({ seq }) => settled.every(([done]) => done !== seq));
          }
          const dead = stage.letters.map(({ id }) => id);
          expect(dead).toEqual(names.filter((name) => poison.includes(name)));
          expect(stage.attempts.filter((kind) => kind === "dead").length).toBe(poison.length);
          expect(stage.verdicts.filter(([kind]) => kind === "dead").length).toBe(poison.length);
          // nothing is made up: what was delivered was delivered
          expect(stage.verdicts.length).toBe(8);
          expect(stage.attempts.filter((kind) => kind === "divided").length).toBe(stage.answered);
          expect(stage.letters.every(({ death }) => death.attempts === 1)).toBe(true);
        }),
      );
    },
  );

  test("ORDER-1: a half of which only the first event ended holds the other half back", async () => {
    const stage = batching(() => 201);
    const { answer } = stage;
    let batches = 0;
    stage.answer = (request) => {
      if (!request.path.endsWith(":batch")) return answer(request);
      return response(batches++ === 0 ? 413 : 404, { detail: "no" });
    };
    expect(await run(stage, entries(stage, 6))).toEqual({
      settled: [[1, "delivered"]],
      next: { kind: "again" },
    });
  });

  test("SETTLE-1: a token that comes while the first asks for it settles the first, not all", async () => {
    const stage = batching(() => 201);
    const ready = stage.credential;
    stage.credential = { kind: "unavailable", code: "token_unavailable", reason: "", retryAfterMs: 1 };
    let asked = 0;
    stage.meanwhile = () => {
      if (++asked === 2) stage.credential = ready;
    };
    expect(await run(stage, entries(stage, 3))).toEqual({
      settled: [[1, "delivered"]],
      next: { kind: "again" },
    });
  });

  test.each<[string, () => ReturnType<typeof response>]>([
    ["a 500", () => response(500, "")],
    ["an answer without results", () => response(200, { ok: true })],
    ["results that are none", () => response(200, { results: [null, 3, { key: 1 }] })],
  ])("%s repeats the batch", async (_, answer) => {
    const stage = createStage();
    stage.answer = answer;
    expect(await run(stage, entries(stage, 3))).toMatchObject({
      settled: [],
      next: { kind: "retry", together: 3 },
    });
  });

  test("a fault of ours in the middle does not unsettle what was settled", async () => {
    const stage = batching((key) => (key === "e3" ? 422 : 201));
    const { answer } = stage;
    stage.answer = (request) => {
      if (request.headers["idempotency-key"] === "e4") throw new Error("bug");
      return request.path.endsWith(":batch") ? response(422, { detail: "no" }) : answer(request);
    };
    const { settled, next } = await run(stage, entries(stage, 4));
    expect(settled.map(([seq]) => seq)).toEqual([1, 2, 3]);
    expect(next).toMatchObject({ kind: "retry", reason: "internal" });
  });
});
