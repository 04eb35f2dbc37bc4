import { expect, test } from "vitest";
import { SessionClientError } from "../../../src/client/index.ts";
import type { Write } from "../../../src/executors/report.ts";
import { createReporter } from "../../../src/executors/reporter.ts";
import { promises } from "../../support/fake-clock.ts";

const BIND: Write = { kind: "bind", executorSessionId: "t" };
const MESSAGE: Write = { kind: "event", event: { event_type: "message", role: "user" } };
const RESULT: Write = { kind: "event", event: { event_type: "result", result_text: "x" } };

/** A reporter whose gateway answers when the test says so; `refusals` are for the calls in their order. */
function opened(refusals: (SessionClientError | undefined)[] = []) {
  const sent: unknown[] = [];
  const [warned, lost]: [string[], string[]] = [[], []];
  const gate = Promise.withResolvers<void>();
  let at = 0;
  async function call(...of: unknown[]): Promise<never> {
    sent.push(of);
    await gate.promise;
    const refusal = refusals.shift();
    if (refusal !== undefined) throw refusal;
    return undefined as never;
  }
  const reporter = createReporter(
    {
      client: { bind: call, addEvent: call, updateSession: call },
      timestamp: () => `t${++at}`,
      warn: (text) => void warned.push(text),
      lost: (why) => void lost.push(why),
    },
    { sessionId: "s", projectDir: "/p" },
  );
  return { reporter, sent, warned, lost, go: () => gate.resolve() };
}

test("one write after the other, with the time at which it happened", async () => {
  const { reporter, sent, go } = opened();
  reporter.put([BIND, { kind: "resumed" }, MESSAGE]);
  await promises();
  expect(sent).toEqual([["s", { executorSessionId: "t", projectDir: "/p" }]]);
  expect(reporter.waiting()).toBe(3);
  go();
  expect(await reporter.done()).toBeUndefined();
  expect(sent.slice(1)).toEqual([
    ["s", { last_resumed_at: "t2" }],
    ["s", { event_type: "message", role: "user", timestamp: "t3" }],
  ]);
  expect(reporter.waiting()).toBe(0);
});

test("an event that the coordinator refuses is passed over with a warning", async () => {
  const { reporter, sent, warned, lost, go } = opened([
    new SessionClientError("refused", "422: no", { status: 422 }),
  ]);
  reporter.put([MESSAGE, MESSAGE]);
  go();
  expect(await reporter.done()).toBeUndefined();
  expect([sent.length, warned, lost]).toEqual([2, ["the event message was not taken: 422: no"], []]);
});

test.each<[string, Write, SessionClientError]>([
  ["a bind that is refused", BIND, new SessionClientError("not_found", "404: no", { status: 404 })],
  ["a result that is refused", RESULT, new SessionClientError("refused", "422: no", { status: 422 })],
  ["an event that nobody took", MESSAGE, new SessionClientError("unreachable", "no connection")],
  ["a token that is refused", MESSAGE, new SessionClientError("refused", "401: no", { status: 401 })],
])("%s is a loss, said once, and nothing is sent behind it", async (_, write, refusal) => {
  const { reporter, sent, lost, go } = opened([refusal]);
  reporter.put([write, MESSAGE, RESULT]);
  go();
  expect(await reporter.done()).toContain("was not taken");
  expect([sent.length, lost.length]).toEqual([1, 1]);
});

test("behind a hundred writes that wait, an agent waits too", async () => {
  const { reporter, go } = opened();
  reporter.put(Array.from({ length: 100 }, () => MESSAGE));
  await reporter.room();
  reporter.put([MESSAGE]);
  let hasRoom = false;
  const room = reporter.room().then(() => (hasRoom = true));
  await promises();
  expect(hasRoom).toBe(false);
  go();
  await room;
});
