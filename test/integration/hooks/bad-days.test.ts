import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestBroker } from "../../support/broker.ts";
import { startTestServe, type TestServe } from "../../support/serve.ts";
import { sessionsBroker } from "../session-log/harness.ts";

// What hooks may send on a bad day, at a server with a real broker.

let broker: TestBroker;
let serve: TestServe;
beforeAll(async () => {
  broker = await sessionsBroker();
  serve = await startTestServe(broker);
});
afterAll(async () => {
  await serve?.close();
  await broker?.[Symbol.asyncDispose]();
});

const hook = (session: string, more: object = {}): object => ({
  session_id: session,
  hook_event_name: "PostToolUse",
  tool_name: "t",
  ...more,
});

const eventsOf = async (session: string): Promise<{ type: string; data: Record<string, unknown> }[]> =>
  (await serve.call("GET", `/sessions/${session}/events?limit=1000`)).json.events ?? [];

/** A value of so many levels. */
function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}

test.each([
  ["deep", nested(60)],
  ["deeper than an event may be", nested(62)],
  ["of many values", Array.from({ length: 300_000 }, () => 0)],
  ["large", "x".repeat(3_000_000)],
  ["full of characters that take six bytes each", "\u0001".repeat(600_000)],
])("a result that is %s is kept, whole or cut", async (what, tool_response) => {
  const session = `odd-${what.replaceAll(" ", "-")}`;
  const answer = await serve.call("POST", "/hooks/claude-code", hook(session, { tool_response }));
  expect([answer.status, answer.json, answer.headers.get("rr-durability")]).toEqual([200, "", "memory"]);
  await expect.poll(async () => (await eventsOf(session)).map(({ type }) => type)).toContain("tool_result");
});

test("two thousand hooks at once are answered, and all are stored in their order", async () => {
  const times: number[] = [];
  const sent = Array.from({ length: 2000 }, async (_, i) => {
    const from = performance.now();
    const { status } = await serve.call(
      "POST",
      "/hooks/codex",
      hook(`many-${i % 4}`, { tool_use_id: `${i}` }),
    );
    times.push(performance.now() - from);
    return status;
  });
  expect(new Set(await Promise.all(sent))).toEqual(new Set([200]));
  console.log("burst max", Math.max(...times));
  const from = performance.now();
  await expect
    .poll(async () => (await Promise.all([0, 1, 2, 3].map((i) => eventsOf(`many-${i}`)))).flat().length, {
      timeout: 60_000,
    })
    .toBe(2004);
  console.log("stored after", performance.now() - from);
});
