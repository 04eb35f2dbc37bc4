import type { ServerResponse } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { startReflector } from "./reflector.ts";
import { startStack, type Stack } from "./stack.ts";

type Ended = { status: number; code: string | undefined };

const POLL = "/runner/runs";
const STREAM = "/sse/sessions";
const WORK = "/work";
/** Longer than any test waits: what is answered before it was not waited for. */
const LONG_MS = 600_000;

/** A coordinator that holds a poll, a stream and some work, all in the hands of the test. */
async function open(options: { drainMs?: number } = {}): Promise<{
  stack: Stack;
  poll: Promise<Ended>;
  stream: Promise<Ended>;
  work: Promise<Ended>;
  /** Answers the work. */
  finish: () => void;
}> {
  const held = new Map<string, ServerResponse>();
  const keep = (path: string) => (_: unknown, response: ServerResponse) => void held.set(path, response);
  const noRuns = (_: unknown, response: ServerResponse) => void response.end('{"runs":[]}');
  const upstream = await startReflector({
    on: { [POLL]: keep(POLL), [STREAM]: keep(STREAM), [WORK]: keep(WORK), "/runs": noRuns },
  });
  onTestFinished(() => upstream[Symbol.asyncDispose]());
  const stack = await startStack(upstream.url, options, undefined, options);
  onTestFinished(() => stack[Symbol.asyncDispose]());
  const ask = async (path: string, init: RequestInit): Promise<Ended> => {
    const answer = await fetch(stack.url + path, init);
    const text = await answer.text();
    return {
      status: answer.status,
      code: answer.ok ? undefined : (JSON.parse(text) as { code: string }).code,
    };
  };
  const poll = ask(`${POLL}?runner_id=r1`, {});
  const stream = ask(STREAM, { headers: { accept: "text/event-stream" } });
  const work = ask(WORK, { method: "POST", body: "{}" });
  await expect.poll(() => held.has(STREAM) && held.has(WORK)).toBe(true); // when a poll goes out is the shield's matter
  return { stack, poll, stream, work, finish: () => void held.get(WORK)?.end("done") };
}

test("a gateway that stops answers a held poll, does not wait for a stream, and lets work finish", async () => {
  const { stack, poll, stream, work, finish } = await open({ drainMs: LONG_MS });
  const closed = stack.gateway.close();
  expect(await poll).toEqual({ status: 204, code: undefined });
  expect(await stream).toMatchObject({ code: "gateway_stopping" });
  finish();
  expect(await work).toEqual({ status: 200, code: undefined });
  await closed;
});

test("a relay that stops waits neither for a held poll nor for a stream, and lets work finish", async () => {
  const { stack, poll, stream, work, finish } = await open({ drainMs: LONG_MS });
  const closed = stack.relay.close();
  expect(await stream).toMatchObject({ code: "relay_lost" });
  finish();
  expect(await work).toEqual({ status: 200, code: undefined });
  await closed;
  await stack.gateway.close(); // it held the poll meanwhile
  expect(await poll).toEqual({ status: 204, code: undefined });
});

test.each(["gateway", "relay"] as const)(
  "work that goes on gets the drain time of a %s and then a code",
  async (who) => {
    const { stack, work } = await open({ drainMs: 100 });
    await stack[who].close();
    expect(await work).toMatchObject({ code: who === "gateway" ? "gateway_stopping" : "relay_lost" });
  },
);
