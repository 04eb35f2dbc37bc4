import { expect, test } from "vitest";
import { acpRunner } from "../../../../src/agents/acp/index.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";
import { playAgent, plainly, playSession, sampleOf, type Played } from "../../../support/played-agent.ts";

const clock = createFakeClock();
const runner = acpRunner({ command: ["agent", "--acp"], env: { A: "1" } }, clock);

/** An agent whose session is there; everything else as `then` says. */
function agent(then: (message: Record<string, unknown>) => readonly object[], canLoad = true): Played {
  return playAgent((message) => {
    const { id, method } = message;
    if (method === "initialize")
      return [
        {
          id,
          result: {
            protocolVersion: 1,
            agentCapabilities: { loadSession: canLoad },
            agentInfo: { name: "claude" },
          },
        },
      ];
    if (method === "session/new") return [{ id, result: { sessionId: "s_new" } }];
    return then(message);
  });
}

const update = (of: object): object => ({
  method: "session/update",
  params: { sessionId: "s_new", update: of },
});

/** The recorded first turn, up to where the agent asks, and behind that. */
function recorded(): { before: object[]; ask: object; after: object[] } {
  const lines = sampleOf("acp");
  const at = lines.findIndex((line) => "permission" in line);
  const end = lines.findIndex((line, index) => index > at && JSON.stringify(line).includes("word "));
  return {
    before: lines.slice(0, at).map((line) => update(line["update"] as object)),
    ask: { id: 7, method: "session/request_permission", params: lines[at]?.["permission"] },
    after: lines.slice(at + 1, end).map((line) => update(line["update"] as object)),
  };
}

const STORY = ["header", "metadata", "text Let me run it. ", "tool_call Bash"];

test("a recorded turn with a permission: a tool is said once, when it is known what it does", async () => {
  const { before, ask, after } = recorded();
  let prompt: unknown;
  const played = agent(({ id, method, result }) => {
    if (method === "session/prompt") return ((prompt = id), [...before, ask]);
    if (result !== undefined)
      return [...after, { id: prompt, result: { stopReason: "end_turn", usage: { totalTokens: 9 } } }];
    return [];
  });
  const session = playSession(played.spawn);
  await runner.start(session, "go", 0);
  const words = plainly(session.said).filter((it) => it !== "metadata");
  expect(words).toEqual([
    ...STORY.filter((it) => it !== "metadata"),
    "tool_result ok (Bash completed with no output)",
    "text All done.",
    "iteration",
    "final whole All done.",
    "awaiting_input",
  ]);
  expect(session.asks).toMatchObject([
    {
      toolName: "Bash",
      toolInput: { command: "touch acp.txt" },
      toolUseId: "toolu_1",
      title: "touch acp.txt",
      edits: false,
    },
  ]);
  expect(played.heard.at(-1)).toMatchObject({
    id: 7,
    result: { outcome: { outcome: "selected", optionId: "allow" } },
  });
  expect(played.heard[0]).toMatchObject({ jsonrpc: "2.0", params: { protocolVersion: 1 } });
});

test("what is not allowed is rejected by the agent's own word for it", async () => {
  const { ask } = recorded();
  let prompt: unknown;
  const played = agent(({ id, method, result }) => {
    if (method === "session/prompt") return ((prompt = id), [ask]);
    return result === undefined ? [] : [{ id: prompt, result: { stopReason: "end_turn" } }];
  });
  const deny = (): Promise<{ allow: boolean }> => Promise.resolve({ allow: false });
  await runner.start(playSession(played.spawn, { ask: deny }), "go", 0);
  expect(played.heard.at(-1)).toMatchObject({
    result: { outcome: { outcome: "selected", optionId: "reject" } },
  });
});

test("a cancel ends the turn without a failure", async () => {
  let prompt: unknown;
  const played = agent(({ id, method }) => {
    if (method === "session/prompt") return ((prompt = id), []);
    return method === "session/cancel" ? [{ id: prompt, result: { stopReason: "cancelled" } }] : [];
  });
  const session = playSession(played.spawn);
  const over = runner.start(session, "go", 0);
  await expect.poll(() => played.heard.map(({ method }) => method)).toContain("session/prompt");
  await runner.stop(session);
  await over;
  expect(played.heard.at(-1)).toMatchObject({ method: "session/cancel", params: { sessionId: "s_new" } });
  expect(plainly(session.said)).toEqual(["header", "iteration"]);
});

test("a session is loaded by its id, and what it tells of its past is not said again", async () => {
  const past = { sessionUpdate: "agent_message_chunk", content: { type: "text", text: "old" } };
  const played = agent(({ id, method }) => {
    if (method === "session/load") return [update(past), { id, result: {} }];
    return method === "session/prompt" ? [{ id, result: { stopReason: "end_turn" } }] : [];
  });
  const session = playSession(played.spawn, { threadId: "s_old" });
  await runner.start(session, "go", 0);
  expect(plainly(session.said)).toEqual(["header", "iteration", "final whole ", "awaiting_input"]);
  expect(session.said[0]).toMatchObject({ threadId: "s_old", title: "claude" });
});

test.each([
  ["cannot load sessions", false],
  ["does not know it", true],
])("where the agent %s, that is said and a new conversation begins", async (_, canLoad) => {
  const played = agent(({ id, method }) => {
    if (method === "session/load") return [{ id, error: { code: -32_602, message: "unknown session" } }];
    return method === "session/prompt" ? [{ id, result: { stopReason: "max_turn_requests" } }] : [];
  }, canLoad);
  const session = playSession(played.spawn, { threadId: "s_old" });
  await runner.start(session, "go", 0);
  expect(session.said.slice(0, 2)).toMatchObject([
    { code: "THREAD_LOST", recoverable: true },
    { threadId: "s_new" },
  ]);
  expect(session.said.at(-1)).toEqual({ type: "awaiting_input", reason: "max_iterations" });
});

test("plans are shown, a refusal fails the turn, and one that is not logged in is not available", async () => {
  const plan = { sessionUpdate: "plan", entries: [{ content: "look", status: "pending" }] };
  const refusing = agent(({ id, method }) =>
    method === "session/prompt" ? [update(plan), { id, result: { stopReason: "refusal" } }] : [],
  );
  const session = playSession(refusing.spawn);
  await runner.start(session, "go", 0);
  expect(plainly(session.said)).toEqual(["header", "status plan", "iteration", "error ACP_REFUSAL"]);

  const locked = playAgent(({ id }) => [
    { id, error: { code: -32_000, message: "Authentication required" } },
  ]);
  await expect(runner.start(playSession(locked.spawn), "go", 0)).rejects.toMatchObject({
    code: "AGENT_UNAVAILABLE",
  });
});

test("what the user says in the turn is asked behind the answer, and the turn ends with the last one", async () => {
  const prompts: { id: unknown; text: unknown }[] = [];
  const played = agent(({ id, method, params }) => {
    if (method !== "session/prompt") return [];
    const [{ text }] = (params as { prompt: [{ text: string }] }).prompt;
    prompts.push({ id, text });
    return [];
  });
  const answer = (text: string): object =>
    update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } });
  const session = playSession(played.spawn);
  const over = runner.start(session, "go", 0);
  await expect.poll(() => prompts.length).toBe(1);
  await runner.sendInput(session, "left");
  played.say(answer("One."), { id: prompts[0]?.id, result: { stopReason: "end_turn" } });
  await expect.poll(() => prompts.map(({ text }) => text)).toEqual(["go", "left"]);
  played.say(answer("Two."), { id: prompts[1]?.id, result: { stopReason: "end_turn" } });
  await over;
  expect(plainly(session.said)).toEqual([
    "header",
    "text One.",
    "iteration",
    "text Two.",
    "iteration",
    "final whole Two.",
    "awaiting_input",
  ]);
});

test("what the user said and the agent will not hear, because it ended for another reason, is named", async () => {
  let prompt: unknown;
  const played = agent(({ id, method }) => (method === "session/prompt" ? ((prompt = id), []) : []));
  const session = playSession(played.spawn);
  const over = runner.start(session, "go", 0);
  await expect.poll(() => prompt).toBeDefined();
  await runner.sendInput(session, "left");
  played.say({ id: prompt, result: { stopReason: "max_tokens" } });
  await over;
  expect(session.said.filter(({ type }) => type === "error")).toMatchObject([
    { code: "INPUT_REFUSED", recoverable: true, message: expect.stringContaining("left") },
  ]);
});

test("texts without a name are apart where a tool stands between them: the last one is the answer", async () => {
  const text = (of: string): object =>
    update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: of } });
  const tool = { toolCallId: "t", kind: "execute", rawInput: { command: "ls" }, status: "completed" };
  const played = agent(({ id, method }) =>
    method === "session/prompt"
      ? [
          text("Looking. "),
          update({ sessionUpdate: "tool_call", ...tool }),
          text("Done."),
          { id, result: { stopReason: "end_turn" } },
        ]
      : [],
  );
  const session = playSession(played.spawn);
  await runner.start(session, "go", 0);
  expect(plainly(session.said)).toContain("final whole Done.");
});

test("BOUND-1: an agent whose messages cannot be held fails its turn, and asks no more than can be answered", async () => {
  const deep = `${"[".repeat(500)}${"]".repeat(500)}`;
  const nested = agent(({ method }) =>
    method === "session/prompt"
      ? [update({ sessionUpdate: "tool_call", toolCallId: "t", rawInput: JSON.parse(deep) as unknown })]
      : [],
  );
  await expect(runner.start(playSession(nested.spawn), "go", 0)).rejects.toThrow("nested too deeply");

  let prompt: unknown;
  const asking = agent(({ id, method }) => {
    if (method !== "session/prompt") return [];
    prompt = id;
    return Array.from({ length: 101 }, (_, n) => ({
      id: `ask ${n}`,
      method: "session/request_permission",
      params: { toolCall: { toolCallId: "t" }, options: [] },
    }));
  });
  const never = playSession(asking.spawn, { ask: () => new Promise(() => undefined) });
  const over = runner.start(never, "go", 0);
  await expect
    .poll(() => asking.heard.filter(({ error }) => error !== undefined))
    .toMatchObject([{ id: "ask 100", error: { message: expect.stringContaining("more than 100") } }]);
  expect(never.asks).toHaveLength(100);
  asking.say({ id: prompt, result: { stopReason: "end_turn" } });
  await over;
});
