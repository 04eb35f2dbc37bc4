import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Agent, request } from "undici";
import { provisionSessions } from "../../src/shared/session-log/provision.ts";
import { startLog, startServe } from "../product.ts";
import { median } from "../rounds.ts";
import type { Row } from "../row.ts";

const AGENTS = 20;
const A_SECOND = 5;
/** What a tool usually says. */
const RESPONSE = "x".repeat(4096);

/** Hooks of many agents at work, each at its own pace: how long an agent waits for the answer, while what was answered is written behind it. */
export const hooks: Row = {
  name: "hooks",
  async run({ quick, profile, report }) {
    await using broker = await startLog(true);
    await provisionSessions(await broker.connect("admin"), { replicas: 1, isNew: true });
    const key = randomBytes(16).toString("hex");
    await using serve = await startServe(broker, key, profile);
    const at = { url: `${serve.url}/hooks/claude-code`, key };
    await run(at, 2); // warm
    const runs: number[][] = [];
    for (let i = 0; i < 3; i++) runs.push(await run(at, quick ? 5 : 20));
    const late = runs.map((times) => quantile(times, 0.99));
    report({
      row: "hooks",
      what: `${AGENTS} agents × ${A_SECOND} hooks/s, p99`,
      value: median(late),
      unit: "ms",
      budget: { bound: 20, better: "less" },
      detail: `p50 ${runs.map((times) => quantile(times, 0.5).toFixed(1)).join(", ")} ms`,
      samples: late,
    });
  },
};

/** Milliseconds of each answer. */
async function run(at: { url: string; key: string }, seconds: number): Promise<number[]> {
  const dispatcher = new Agent({ connections: AGENTS });
  const times: number[] = [];
  const from = performance.now();
  const agents = Array.from({ length: AGENTS }, async (_, agent) => {
    for (let i = 0; i < seconds * A_SECOND; i++) {
      const due = from + ((i + agent / AGENTS) * 1000) / A_SECOND;
      await delay(Math.max(0, due - performance.now()));
      times.push(await hook(at, { session: `bench-${agent}`, dispatcher }));
    }
  });
  await Promise.all(agents);
  await dispatcher.close();
  return times;
}

async function hook(
  { url, key }: { url: string; key: string },
  { session, dispatcher }: { session: string; dispatcher: Agent },
): Promise<number> {
  const body = JSON.stringify({
    session_id: session,
    hook_event_name: "PostToolUse",
    tool_use_id: "t",
    tool_name: "Bash",
    tool_input: { command: "ls" },
    tool_response: RESPONSE,
  });
  const startedAt = performance.now();
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const answer = await request(url, { method: "POST", headers, body, dispatcher });
  await answer.body.dump();
  if (answer.statusCode !== 200 || answer.headers["rr-durability"] !== "memory")
    throw new Error(`a hook was answered with ${answer.statusCode}`);
  return performance.now() - startedAt;
}

function quantile(times: readonly number[], part: number): number {
  return times.toSorted((a, b) => a - b)[Math.ceil(times.length * part) - 1] ?? NaN;
}
