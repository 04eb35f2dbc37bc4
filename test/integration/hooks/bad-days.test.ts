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

test("two hundred hooks at once are answered, and all are stored", async () => {
  const sessions = [0, 1, 2, 3].map((n) => `many-${n}`);
  const sent = Array.from({ length: 50 }, async (_, i) => {
    const answers = sessions.map((session) =>
      serve.call("POST", "/hooks/codex", hook(session, { tool_use_id: String(i) })),
    );
    return (await Promise.all(answers)).map(({ headers }) => headers.get("rr-durability"));
  });
  expect(new Set((await Promise.all(sent)).flat())).toEqual(new Set(["memory"]));
  const stored = async (): Promise<number> => (await Promise.all(sessions.map(eventsOf))).flat().length;
  await expect.poll(stored, { timeout: 50_000 }).toBe(4 * 51); // and that it was created
});
