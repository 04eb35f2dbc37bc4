import { expect, test } from "vitest";
import { callRunner, MEDIUM, SHORT, type RunnerAnswer } from "../../../../src/sessions/runner/client.ts";
import type { RunnerFetch } from "../../../../src/sessions/runner/transport.ts";
import type { Refusal } from "../../../../src/sessions/access/caller.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const URL_OF = new URL("http://runner.example/tasks");
const gone = new AbortController().signal;

function call(send: RunnerFetch, limits = SHORT, clock = createFakeClock()): Promise<RunnerAnswer | Refusal> {
  return callRunner({ send, clock }, URL_OF, { method: "GET" }, { limits, gone });
}

/** Answers nothing until it is given up. */
const silent: RunnerFetch = (_url, { signal }) =>
  new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted"))));

test.each([
  ["short", SHORT, 10_000],
  ["medium", MEDIUM, 30_000],
])("the %s client gives up when its time is over, and not before", async (_name, limits, ms) => {
  const clock = createFakeClock();
  const answer = call(silent, limits, clock);
  let isOver = false;
  void answer.then(() => (isOver = true));
  await clock.pass(ms - 1);
  expect(isOver).toBe(false);
  await clock.pass(1);
  expect(await answer).toMatchObject({ kind: "refused", code: "runner_timeout" });
});

test.each([
  [200, "answer", undefined],
  [404, "answer", undefined],
  [409, "answer", undefined],
  [302, "refused", "runner_answer_invalid"],
  [401, "refused", "runner_refused"],
  [403, "refused", "runner_refused"],
  [500, "refused", "runner_failed"],
  [503, "refused", "runner_failed"],
])("the status %i", async (status, kind, code) => {
  expect(await call(async () => new Response("x", { status }))).toMatchObject({
    kind,
    ...(code && { code }),
  });
});

test("a runner that cannot be reached, and one that breaks off", async () => {
  const unreachable = { kind: "refused", code: "runner_unreachable" };
  expect(await call(() => Promise.reject(new TypeError("fetch failed")))).toMatchObject(unreachable);
  const broken = new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array(3));
      controller.error(new Error("broken off"));
    },
  });
  expect(await call(async () => new Response(broken))).toMatchObject(unreachable);
});

test("an answer that is too large is not held", async () => {
  let given = 0;
  const endless = new ReadableStream({
    pull(controller) {
      given += 64 * 1024;
      controller.enqueue(new Uint8Array(64 * 1024));
    },
  });
  expect(await call(async () => new Response(endless))).toMatchObject({ code: "runner_answer_invalid" });
  expect(given).toBeLessThan(2 * SHORT.bytes);
});

test("a stream has no limit once its head is there", async () => {
  const clock = createFakeClock();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const headers = { "content-type": "text/event-stream" };
  let signal: AbortSignal | null | undefined;
  const send: RunnerFetch = async (_url, init) => {
    ({ signal } = init);
    return new Response(readable, { headers });
  };
  const answer = await call(send, SHORT, clock);
  if (answer.kind !== "stream") throw new Error(answer.kind);
  await clock.pass(SHORT.ms * 10);
  expect(signal?.aborted).toBe(false);
  const writer = writable.getWriter();
  void writer.write(new Uint8Array([1]));
  for await (const chunk of answer.chunks) {
    expect(chunk).toEqual(new Uint8Array([1]));
    break;
  }
  answer.stop();
  expect(signal?.aborted).toBe(true);
});
