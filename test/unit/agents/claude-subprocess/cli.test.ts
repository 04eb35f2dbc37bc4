import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { cliSdk } from "../../../../src/agents/claude-subprocess/cli.ts";
import { cliArguments, initializeOf } from "../../../../src/agents/claude-subprocess/cli-arguments.ts";
import { claudeSubprocess, type ClaudeConfig } from "../../../../src/agents/claude-subprocess/index.ts";
import type { SdkOptions } from "../../../../src/agents/claude-subprocess/sdk.ts";
import type { Runner } from "../../../../src/agents/port.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";
import { playAgent, plainly, playSession, type Played } from "../../../support/played-agent.ts";

// The user's own CLI without the SDK, played by what a real one (2.1.332, at a scripted model) said.

const CONFIG: ClaudeConfig = {
  model: undefined,
  apiKey: "k",
  baseUrl: undefined,
  folder: "/data",
  executable: "claude",
  root: false,
};
const clock = createFakeClock();
const runnerOf = (own = clock): Runner => claudeSubprocess(CONFIG, own, async () => cliSdk("claude", own));

type Line = Record<string, unknown>;

/** The recorded lines, up to and with each question of the CLI. */
function parts(): Line[][] {
  const file = resolve(import.meta.dirname, "../../../fixtures/agents/claude-cli.ndjson");
  const [, ...lines] = readFileSync(file, "utf8").trim().split("\n");
  const all: Line[][] = [[]];
  for (const line of lines.map((it) => JSON.parse(it) as Line)) {
    all.at(-1)?.push(line);
    if (line["type"] === "control_request") all.push([]);
  }
  return all;
}

const accept = ({ request_id: id }: Line): Line => ({
  type: "control_response",
  response: { subtype: "success", request_id: id, response: {} },
});

/** Answers introductions and orders; the rest as it was recorded. */
function recorded(left = parts()): Played {
  return playAgent((message) =>
    message["type"] === "control_request" ? [accept(message)] : (left.shift() ?? []),
  );
}

const RULED = { permissions: { deny: ["WebFetch"] } };

async function play(played: Played, decision = { allow: true }) {
  const ask = (): Promise<{ allow: boolean }> => Promise.resolve(decision);
  const session = playSession(played.spawn, { ask, options: RULED });
  const over = runnerOf().start({ ...session, ruling: () => undefined }, "go", 0);
  await expect.poll(() => session.said.map((it) => it.type)).toContain("metadata");
  played.end(0);
  await over;
  return session;
}

test("a recorded turn with a rule and a permission: the same events in the same order", async () => {
  const played = recorded();
  const session = await play(played);
  expect(plainly(session.said)).toEqual([
    "header",
    "text I will touch a file. ",
    "text whole I will touch a file. ",
    "tool_call Bash",
    "tool_result ok (Bash completed with no output)",
    "iteration",
    "text Made.",
    "text whole Made.",
    "iteration",
    "metadata",
    "metadata",
    "metadata",
    "final whole Made.",
    "awaiting_input",
  ]);
  expect(session.asks).toMatchObject([
    { toolName: "Bash", toolInput: { command: "touch made" }, toolUseId: "toolu_2" },
  ]);
  expect(played.heard).toMatchObject([
    { type: "control_request", request: { subtype: "initialize", hooks: { PreToolUse: [{}] } } },
    { type: "user", message: { role: "user", content: "go" } },
    { type: "control_response", response: { subtype: "success", response: {} } },
    { response: { subtype: "success", response: { behavior: "allow", toolUseID: "toolu_2" } } },
  ]);
  expect(played.commands).toMatchObject([
    { file: "claude", env: { ANTHROPIC_API_KEY: "k" }, args: expect.arrayContaining(["-p", "--verbose"]) },
  ]);
});

test("ASK-1: what is not allowed is denied with words for the model", async () => {
  const played = recorded();
  await play(played, { allow: false });
  expect(played.heard.at(-1)).toMatchObject({
    response: { subtype: "success", response: { behavior: "deny", message: expect.any(String) } },
  });
});

test("ASK-1: a question that is not known is refused, and more than can be answered are, too", async () => {
  const ask = (n: number, subtype: string): Line => ({
    type: "control_request",
    request_id: `q${n}`,
    request: { subtype, tool_name: "Bash", input: {} },
  });
  const many = [
    ask(0, "something_new"),
    ...Array.from({ length: 101 }, (_, n) => ask(n + 1, "can_use_tool")),
  ];
  const played = recorded([many]);
  const session = playSession(played.spawn, { ask: () => new Promise(() => undefined) });
  const over = runnerOf().start(session, "go", 0);
  const refused = (): unknown[] =>
    played.heard
      .map((it) => it["response"])
      .filter((it) => (it as Line | undefined)?.["subtype"] === "error");
  await expect.poll(refused).toMatchObject([
    { request_id: "q0", error: expect.stringContaining("something_new") },
    { request_id: "q101", error: expect.stringContaining("more than 100") },
  ]);
  expect(session.asks).toHaveLength(100);
  played.end(0);
  await expect(over).rejects.toThrow("ended without a result");
});

test("a stop is a question of ours; one that is not heeded ends the child", async () => {
  const own = createFakeClock();
  const played = recorded([]);
  const session = playSession(played.spawn);
  const runner = runnerOf(own);
  const over = runner.start(session, "go", 0);
  await expect.poll(() => played.heard.some(({ type }) => type === "user")).toBe(true);
  runner.updatePermissionMode(session, 1);
  const stopped = runner.stop(session);
  await expect
    .poll(() => played.heard.slice(2).map(({ request }) => request))
    .toEqual([{ subtype: "set_permission_mode", mode: "acceptEdits" }, { subtype: "interrupt" }]);
  await own.pass(600);
  await Promise.all([stopped, over]);
  expect(session.said.filter(({ type }) => type === "error")).toEqual([]);
});

test("a CLI of another version that does not answer fails the turn after a while", async () => {
  const own = createFakeClock();
  const played = playAgent(() => []);
  const over = runnerOf(own).start(playSession(played.spawn), "go", 0);
  const failed = expect(over).rejects.toThrow("another version");
  await expect.poll(() => played.heard.length).toBe(1);
  await own.pass(60_000);
  await failed;
  expect(played.heard).toHaveLength(1);
});

test("what a session's maker wants is in the CLI's arguments and its introduction", () => {
  const options: Omit<SdkOptions, "canUseTool" | "spawnClaudeCodeProcess"> = {
    env: {},
    settingSources: [],
    systemPrompt: "Be brief",
    permissionMode: "bypassPermissions",
    allowDangerouslySkipPermissions: true,
    includePartialMessages: true,
    disallowedTools: ["A", "B"],
    hooks: { PreToolUse: [] },
    model: "m",
    resume: "th",
    maxTurns: 3,
    outputFormat: { type: "json_schema", schema: { type: "object" } },
    mcpServers: { x: { type: "http", url: "http://127.0.0.1:9/" } },
  };
  expect(cliArguments(options).join(" ")).toBe(
    '-p --output-format stream-json --verbose --input-format stream-json --permission-prompt-tool=stdio --permission-mode=bypassPermissions --setting-sources= --include-partial-messages --allow-dangerously-skip-permissions --disallowedTools=A,B --max-turns=3 --model=m --resume=th --json-schema={"type":"object"} --mcp-config {"mcpServers":{"x":{"type":"http","url":"http://127.0.0.1:9/"}}}',
  );
  expect(initializeOf(options)).toEqual({
    subtype: "initialize",
    systemPrompt: ["Be brief"],
    jsonSchema: { type: "object" },
  });
});
