import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bareEnv } from "../../support/bare-env.ts";
import { dataFolder, startUp, type Up } from "../../support/up.ts";

// The examples against a real gateway with everything behind it.

const EXAMPLES = new URL("../../../examples/", import.meta.url).pathname;
const run = promisify(execFile);

let folder: Awaited<ReturnType<typeof dataFolder>>;
let up: Up;
let gateway: string;

beforeAll(async () => {
  folder = await dataFolder();
  up = startUp(folder.path);
  ({ gateway } = await up.ready());
});
afterAll(async () => {
  await up?.stop();
  await folder?.[Symbol.asyncDispose]();
});

const isHere = (program: string): boolean => spawnSync(program, ["--version"]).error === undefined;

async function eventsOf(session: string): Promise<Record<string, unknown>[]> {
  const response = await fetch(`${gateway}/sessions/${session}/events`);
  return ((await response.json()) as { events: Record<string, unknown>[] }).events;
}

test.for([
  ["TypeScript", process.execPath, "echo-executor.ts"],
  ["Python", "python3", "echo_executor.py"],
] as const)(
  "the executor in %s takes a prompt and reports its result",
  async ([language, program, file], context) => {
    if (!isHere(program)) return context.skip(`${program} is not installed`);
    const session = `ses_${language}`;
    const invocation = { mode: "start", session_id: session, parameters: { prompt: 'h\u00e9 "you"' } };
    const running = run(program, [EXAMPLES + file], {
      env: { ...bareEnv(), AGENT_ORCHESTRATOR_API_URL: gateway },
    });
    running.child.stdin?.end(`${JSON.stringify(invocation)}\n`);
    expect(JSON.parse((await running).stdout)).toEqual({ type: "turn_complete", result: 'h\u00e9 "you"' });
    const events = await eventsOf(session);
    expect(events.map(({ event_type, role }) => [event_type, role])).toEqual([
      ["message", "user"],
      ["message", "assistant"],
      ["result", null],
    ]);
  },
);

test("the script with curl reports an answer and follows its receipt", async (context) => {
  if (!isHere("curl")) return context.skip("curl is not installed");
  const { stdout } = await run("sh", [`${EXAMPLES}report.sh`, "ses_sh", 'a "b" \\ c\nd'], {
    env: { ...bareEnv(), AGENT_ORCHESTRATOR_API_URL: `${gateway}/` },
  });
  expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({ state: "delivered" });
  const events = await eventsOf("ses_sh");
  expect(events.map(({ event_type, result_text }) => [event_type, result_text])).toEqual([
    ["message", null],
    ["result", 'a "b" \\ c d'],
  ]);
});

test("the script with curl ends with the gateway's refusal", async (context) => {
  if (!isHere("curl")) return context.skip("curl is not installed");
  const failing = run("sh", [`${EXAMPLES}report.sh`, "a/b", "x"], {
    env: { ...bareEnv(), AGENT_ORCHESTRATOR_API_URL: gateway },
  });
  await expect(failing).rejects.toMatchObject({
    stdout: expect.stringContaining("session_id_invalid") as string,
  });
});
