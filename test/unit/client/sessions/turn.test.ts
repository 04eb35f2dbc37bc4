import { describe, expect, test } from "vitest";
import { openSessions, type TurnItem } from "../../../../src/client/sessions/index.ts";
import { SILENCE_MS } from "../../../../src/client/sessions/stream.ts";
import { broken, json, startServer } from "../../../support/scripted-server.ts";
import { event, fastClock, notice, stream } from "./event-stream.ts";

const TIMEOUT_MS = 60_111;

function clientOf(server: { url: string }) {
  const clock = fastClock([TIMEOUT_MS, SILENCE_MS]);
  return openSessions({ url: server.url, timeoutMs: TIMEOUT_MS, clock, random: () => 0.5 });
}

const accepted = json(202, { turn_id: "t", seq: 10 });
const of = (turn: string, seq: number, type: string, data = {}): string =>
  event(seq, type, { turn_id: turn, data });
const textsOf = async (items: AsyncIterable<TurnItem>): Promise<string[]> => {
  const texts: string[] = [];
  for await (const item of items) texts.push("seq" in item ? `${item.seq} ${item.type}` : item.type);
  return texts;
};

test("TURN-1: a turn whose answer was lost is asked for again under its own id", async () => {
  await using server = await startServer(broken, json(503, {}), accepted, stream(of("t", 11, "turn_ended")));
  await textsOf(clientOf(server).execute("s", "hello"));
  const bodies = server.seen.slice(0, 3).map(({ body }) => body);
  expect(bodies[0]).toEqual({ user_input: "hello", client_turn_id: expect.stringMatching(/^[0-9a-f]{32}$/) });
  expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
  expect(server.seen[3]?.url).toBe("/sessions/s/events?after=10");
});

test("a turn yields its own events until its end, each once, and what is missing", async () => {
  await using server = await startServer(
    accepted,
    stream(
      of("before", 11, "turn_ended") + of("t", 12, "turn_started") + notice("gap", { from: 13, to: 14 }),
      "breaks",
    ),
    stream(of("t", 12, "turn_started") + of("t", 15, "text") + notice("caught_up") + of("other", 16, "turn")),
    stream(of("t", 17, "turn_ended") + of("t", 18, "text")),
  );
  expect(await textsOf(clientOf(server).execute("s", { user_input: "x", client_turn_id: "t" }))).toEqual([
    "12 turn_started",
    "gap",
    "15 text",
    "17 turn_ended",
  ]);
});

test("two turns have two ids", async () => {
  await using server = await startServer(accepted);
  const client = clientOf(server);
  for (let i = 0; i < 2; i++) await client.submit("s", "hello");
  const [one, two] = server.seen.map(({ body }) => (body as { client_turn_id: string }).client_turn_id);
  expect(one).not.toBe(two);
});

test.each([
  ["a refusal", json(409, { code: "turn_busy", detail: "busy" }), { code: "turn_busy", status: 409 }],
  ["an answer without a turn", json(202, { turn_id: "t" }), { code: "bad_answer" }],
  ["a place that is none", json(202, { turn_id: "t", seq: -1 }), { code: "bad_answer" }],
])("%s ends it at once", async (_, step, expected) => {
  await using server = await startServer(step);
  await expect(textsOf(clientOf(server).execute("s", "x"))).rejects.toMatchObject(expected);
  expect(server.seen).toHaveLength(1);
});

test.each([
  ["the session is deleted", notice("closed", { reason: "deleted" }), "session_deleted"],
  ["the credentials end", notice("closed", { reason: "auth" }), "auth_ended"],
  ["the server closes for a reason of the future", notice("closed", { reason: "moon" }), "stream_closed"],
  ["the log is replaced", notice("reset", { log: "new" }), "log_reset"],
])("%s before the turn ends: an error that says so", async (_, last, code) => {
  await using server = await startServer(accepted, stream(of("t", 11, "text") + last, "stays"));
  await expect(textsOf(clientOf(server).execute("s", "x"))).rejects.toMatchObject({
    name: "GatewayError",
    code,
  });
});

describe("a query", () => {
  test("is what the agent said, and how it ended", async () => {
    const said = [
      of("t", 11, "turn_started"),
      of("t", 12, "text", { text: "Hello, " }),
      of("t", 13, "thinking", { text: "hm" }),
      of("t", 14, "tool_call", { name: "ls" }),
      of("t", 15, "text", { text: "world" }),
      of("t", 16, "turn_ended", { outcome: "failed", message: "no more" }),
    ];
    await using server = await startServer(accepted, stream(said.join("")));
    expect(await clientOf(server).runQuery({ session_id: "s" }, "x")).toEqual({
      turn_id: "t",
      outcome: "failed",
      output: "Hello, world",
      tool_calls: 1,
      data: { message: "no more" },
      cursor: "16.log",
    });
  });

  test("keeps no more than it may", async () => {
    const text = "x".repeat(4 * 1024 * 1024 - 1024);
    const many = Array.from({ length: 5 }, (_, i) => of("t", 12 + i, "text", { text }));
    await using server = await startServer(accepted, stream(many.join("")));
    await expect(clientOf(server).runQuery("s", "x")).rejects.toMatchObject({ code: "answer_too_large" });
  });
});
