import { expect, test } from "vitest";
import { claudeApi } from "../../../../src/agents/claude-api/index.ts";
import type { ApiMessage, ApiRequest, ApiSdk, Block } from "../../../../src/agents/claude-api/sdk.ts";
import type { Asked, Decision, Reported, RunnerSession } from "../../../../src/agents/port.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const CONFIG = { model: "m", apiKey: "k", baseUrl: undefined };

/** An API that gives these answers; functions throw. */
function fakeApi(answers: (Block[] | Error)[]): { sdk: ApiSdk; requests: ApiRequest[]; made: unknown[] } {
  const requests: ApiRequest[] = [];
  const made: unknown[] = [];
  const messages = {
    stream(request: ApiRequest) {
      requests.push(structuredClone(request));
      const answer = answers.shift() ?? [];
      return {
        async *[Symbol.asyncIterator]() {
          if (answer instanceof Error) throw answer;
          yield { type: "message_start", message: { id: `a${requests.length}` } };
          for (const [index, block] of answer.entries())
            if (block.type === "text")
              yield { type: "content_block_delta", index, delta: { type: "text_delta", text: block.text } };
        },
        async finalMessage(): Promise<ApiMessage> {
          const content = answer instanceof Error ? [] : answer;
          const uses = content.some((it) => it.type === "tool_use");
          return {
            id: "a",
            model: "m",
            content,
            stop_reason: uses ? "tool_use" : "end_turn",
            usage: { input_tokens: 10, output_tokens: 1 },
          };
        },
      };
    },
  };
  class Client {
    messages = messages;
    constructor(of: unknown) {
      made.push(of);
    }
  }
  return { sdk: { default: Client }, requests, made };
}

function sessionOf(
  changed: Partial<RunnerSession> = {},
  decision: Decision = { allow: true },
): { session: RunnerSession; said: string[]; asked: Asked[] } {
  const said: string[] = [];
  const asked: Asked[] = [];
  const note = (it: Reported): void => {
    if (it.type !== "output")
      said.push(it.type === "metadata" ? `${it.key} ${JSON.stringify(it.value)}` : it.type);
    else if (it.output.kind === "piece") said.push(`${it.output.of} ${it.output.text}`);
    else if (it.output.kind === "tool_result") said.push(`result ${it.output.content} ${it.output.isError}`);
    else if (it.output.kind === "final")
      said.push(`final ${it.output.text} ${JSON.stringify(it.output.data)}`);
    else said.push(it.output.kind);
  };
  return {
    said,
    asked,
    session: {
      id: "s",
      user: "ann",
      workspace: "/nowhere",
      metadata: {},
      options: {},
      turn: "t",
      request: {},
      threadId: undefined,
      spawn: () => Promise.reject(new Error("no programs here")),
      emit: note,
      ask(it) {
        asked.push(it);
        return Promise.resolve(decision);
      },
      ruling: undefined,
      room: () => Promise.resolve(),
      ...changed,
    },
  };
}

const text = (of: string): Block => ({ type: "text", text: of });
const use = (name: string, input: unknown = {}): Block => ({ type: "tool_use", id: "u", name, input });
const clock = createFakeClock();

test("the model is asked until it has answered, and is told what its tools said", async () => {
  const { sdk, requests, made } = fakeApi([[text("Let me. "), use("none")], [text("Done.")]]);
  const { session, said } = sessionOf({ options: { system_prompt: "be brief", model: "own" } });
  await claudeApi({ ...CONFIG, baseUrl: "http://x/" }, clock, async () => sdk).start(session, "go", 0);
  expect(said).toEqual([
    "header",
    "text Let me. ",
    "tool_call",
    "result there is no tool none true",
    "iteration",
    "text Done.",
    "iteration",
    'tokens {"input":20,"output":2,"cache_read":0}',
    "final Done. undefined",
    "awaiting_input",
  ]);
  expect(made).toEqual([{ apiKey: "k", baseURL: "http://x/", maxRetries: 4 }]);
  expect(requests[1]).toMatchObject({ model: "own", system: "be brief" });
  expect(requests[1]?.messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
});

test("ASK-1: what changes something is asked, what only looks is not, unless a rule says so", async () => {
  const uses = [
    use("read_file", { path: "a" }),
    use("write_file", { path: "a", content: "x" }),
    use("bash", { command: "ls" }),
  ];
  const { sdk } = fakeApi([uses, [text("ok")], [use("read_file", { path: "a" })], []]);
  const { session, said, asked } = sessionOf({}, { allow: false, message: "no" });
  const runner = claudeApi(CONFIG, clock, async () => sdk);
  await runner.start(session, "go", 0);
  expect(asked.map(({ toolName, edits }) => [toolName, edits])).toEqual([
    ["write_file", true],
    ["bash", false],
  ]);
  expect(said.filter((it) => it === "result no true")).toHaveLength(2);
  const ruled = sessionOf({ ruling: () => "ask" }, { allow: false });
  await runner.start(ruled.session, "go", 0);
  expect(ruled.asked.map(({ toolName }) => toolName)).toEqual(["read_file"]);
});

test("a refusal of the API fails the turn, and the conversation can go on", async () => {
  const refused = Object.assign(new Error("overloaded"), { status: 529 });
  const { sdk, requests } = fakeApi([[text("one")], refused, [text("two")]]);
  const runner = claudeApi(CONFIG, clock, async () => sdk);
  let threadId: string | undefined;
  const emit = (it: Reported): void => void (threadId = it.type === "header" ? it.threadId : threadId);
  await runner.start(sessionOf({ emit }).session, "1", 0);
  const second = runner.start(sessionOf({ emit, threadId }).session, "2", 0);
  await expect(second).rejects.toMatchObject({
    code: "API_ERROR",
    message: expect.stringContaining("overloaded"),
  });
  await runner.start(sessionOf({ emit, threadId }).session, "3", 0);
  expect(requests.at(-1)?.messages.map(({ role }) => role)).toEqual([
    "user",
    "assistant",
    "user",
    "assistant",
    "user",
  ]);
});

test("without a key, or with one that is refused, the agent cannot be had", async () => {
  const { sdk } = fakeApi([Object.assign(new Error("bad key"), { status: 401 })]);
  const { session } = sessionOf();
  const none = claudeApi({ ...CONFIG, apiKey: undefined }, clock, async () => sdk);
  await expect(none.start(session, "x", 0)).rejects.toMatchObject({ code: "AGENT_UNAVAILABLE" });
  const wrong = claudeApi(CONFIG, clock, async () => sdk);
  await expect(wrong.start(session, "x", 0)).rejects.toMatchObject({ code: "AGENT_UNAVAILABLE" });
});

test("a client's limit of answers ends the turn, and what it says meanwhile is heard", async () => {
  const { sdk, requests } = fakeApi([
    [use("list_folder", { path: "." })],
    [use("list_folder", { path: "." })],
  ]);
  const runner = claudeApi(CONFIG, clock, async () => sdk);
  const { session, said } = sessionOf({ request: { max_iterations: 2 } });
  const over = runner.start(session, "go", 0);
  await runner.sendInput(session, "left");
  await over;
  expect(requests).toHaveLength(2);
  expect(JSON.stringify(requests[1]?.messages.at(-1))).toContain("left");
  expect(said.at(-1)).toBe("awaiting_input");
});

test("a schema is answered by a tool of its own", async () => {
  const { sdk, requests } = fakeApi([[use("StructuredOutput", { n: 7 })], [text("There.")]]);
  const { session, said, asked } = sessionOf({ options: { output_schema: { type: "object" } } });
  await claudeApi(CONFIG, clock, async () => sdk).start(session, "go", 0);
  expect(JSON.stringify(requests[0]?.tools)).toContain("StructuredOutput");
  expect(asked).toEqual([]);
  expect(said.at(-2)).toBe('final There. {"n":7}');
});
