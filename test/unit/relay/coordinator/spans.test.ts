import { describe, expect, test } from "vitest";
import { createEventSpans, endAttempt, serverAttributes } from "../../../../src/relay/coordinator/spans.ts";
import type { AttemptResult, Verdict } from "../../../../src/relay/coordinator/verdict.ts";
import { createBatchTurn } from "../../../../src/relay/turns/batch.ts";
import type { Attributes, Span, Tracing } from "../../../../src/shared/base/tracing.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";
import { createStage, response } from "../lanes/turn-stage.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";

type Told = Parameters<Tracing["span"]>[0] & { attributes: Attributes; end?: string; ended: boolean };

/** Remembers what it is told. */
function recorder(): Tracing & { spans: Told[] } {
  const spans: Told[] = [];
  return {
    spans,
    span(span) {
      const told: Told = { ...span, attributes: { ...span.attributes }, ended: false };
      spans.push(told);
      return {
        context: { traceparent: `00-${"a".repeat(32)}-${String(spans.length).padStart(16, "0")}-01` },
        set: (attributes) => void Object.assign(told.attributes, attributes),
        end(failure) {
          told.ended = true;
          if (failure !== undefined) told.end = failure;
        },
      } satisfies Span;
    },
    close: () => Promise.resolve(),
  };
}

const TRACE = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;

describe("spans of an event", () => {
  test("one wait however often it is tried, and attempts with their number, all below the event's own context", () => {
    const tracing = recorder();
    const clock = createFakeClock();
    const spans = createEventSpans(tracing, "https://coordinator.example/base", clock);
    const stage = createStage();
    const entry = stage.entry({ trace: TRACE, tracestate: "a=1", at: clock.wall() + 5000 });
    const event = { entry, envelope: entry.envelope!, streamSeq: 7 };
    spans.attempt(event, 1);
    spans.attempt(event, 2);
    expect(tracing.spans.map(({ kind }) => kind)).toEqual(["consumer", "client", "client"]);
    for (const { parent } of tracing.spans) expect(parent).toEqual({ traceparent: TRACE, tracestate: "a=1" });
    const [wait, first, second] = tracing.spans;
    expect(wait).toMatchObject({ ended: true, startedAt: clock.wall() }); // a gateway's clock may be ahead
    expect(first?.attributes).toMatchObject({
      "server.address": "coordinator.example",
      "server.port": 443,
      "runner_relay.attempt": 1,
      "http.request.resend_count": undefined,
      "runner_relay.stream.seq": 7,
    });
    expect(second?.attributes).toMatchObject({ "runner_relay.attempt": 2, "http.request.resend_count": 1 });
  });

  test("what is superseded has a wait and no attempt; without a context of its own a trace begins", () => {
    const tracing = recorder();
    const spans = createEventSpans(tracing, "http://127.0.0.1:8765", createFakeClock());
    const entry = createStage().entry();
    spans.superseded({ entry, envelope: entry.envelope!, streamSeq: 1 });
    expect(tracing.spans).toHaveLength(1);
    expect(tracing.spans[0]).toMatchObject({
      kind: "consumer",
      parent: undefined,
      attributes: { "runner_relay.settlement": "superseded" },
    });
  });

  test("a batch has one span per event with its own verdict, and the coordinator gets the first one's context", async () => {
    const tracing = recorder();
    const stage = createStage();
    const spans = createEventSpans(tracing, "http://127.0.0.1:8765", stage.clock);
    const entries = [stage.entry({ trace: TRACE }), stage.entry(), stage.entry()];
    const statuses = [201, 422]; // the third has no result
    const sent: Record<string, string>[] = [];
    const batch = createBatchTurn({
      clock: stage.clock,
      log: silentLogger(),
      coordinator: {
        send(request) {
          sent.push(request.headers);
          const results = statuses.map((status, i) => ({ key: entries[i]?.envelope?.id, status }));
          return { result: Promise.resolve(response(200, { results })), abort() {} };
        },
        close: () => Promise.resolve(),
      },
      credentials: {
        current: () => ({ kind: "ready", headers: {}, generation: 1 }),
        headers: () => Promise.resolve({ kind: "ready", headers: {}, generation: 1 }),
        refused() {},
        describe: () => ({ kind: "none" }),
        close() {},
      },
      gate: { verdict: () => true } as unknown as Parameters<typeof createBatchTurn>[0]["gate"],
      template: "/sessions/{session_id}/events:batch",
      streamEpoch: 1,
      turn: stage.turn,
      spans,
    });
    await batch(stage.lane, entries, stage.context);
    const attempts = tracing.spans.filter(({ kind }) => kind === "client");
    expect(attempts.map(({ parent }) => parent?.traceparent)).toEqual([TRACE, undefined, undefined]);
    for (const { attributes, ended } of attempts) {
      expect(attributes["messaging.batch.message_count"]).toBe(3);
      expect(ended).toBe(true);
    }
    const verdicts = attempts.map(({ attributes, end }) => [attributes["runner_relay.verdict"], end]);
    expect(verdicts).toEqual([
      ["delivered", undefined],
      ["dead", "422"],
      ["retry", "retry"],
    ]);
    const first = tracing.spans.indexOf(attempts[0]!) + 1;
    expect(sent.map((headers) => headers["traceparent"])).toEqual([
      `00-${"a".repeat(32)}-${String(first).padStart(16, "0")}-01`,
    ]);
  });

  test.each<[Verdict, AttemptResult, string | undefined]>([
    [{ kind: "delivered" }, response(201), undefined],
    [{ kind: "delivered" }, response(409), undefined], // it has it already
    [{ kind: "dead", status: 422, reason: "no" }, response(422), "422"],
    [{ kind: "retry", reason: "r", connection: false, failure: true }, response(200, "<html>"), "retry"],
    [
      { kind: "retry", reason: "r", connection: true, failure: true },
      { kind: "failed", cause: "connect", text: "refused" },
      "connect",
    ],
  ])("%j of %j ends with %s", (verdict, result, failure) => {
    const tracing = recorder();
    const span = tracing.span({ name: "n", kind: "client", parent: undefined, attributes: {} });
    endAttempt(span, verdict.kind, result);
    expect(tracing.spans[0]).toMatchObject({
      ended: true,
      attributes: { "runner_relay.verdict": verdict.kind },
    });
    expect(tracing.spans[0]?.end).toBe(failure);
  });

  test.each([
    ["http://127.0.0.1:8765/x", "127.0.0.1", 8765, "http"],
    ["https://c.example", "c.example", 443, "https"],
    ["http://c.example", "c.example", 80, "http"],
  ])("%s is %s, %i, %s", (url, address, port, scheme) => {
    expect(serverAttributes(url)).toEqual({
      "server.address": address,
      "server.port": port,
      "url.scheme": scheme,
    });
  });
});
