import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TurnOutcome } from "../../../../src/relay/lanes/turn-outcome.ts";
import { createStage, response, type Stage } from "../lanes/turn-stage.ts";
import { type StageEntry } from "./take.ts";

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
