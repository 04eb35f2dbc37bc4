/**
 * An executor that answers every prompt with the prompt: the smallest complete one. A runner starts it with the gateway's address in
 * `AGENT_ORCHESTRATOR_API_URL` and speaks newline-delimited JSON with it. First line in: the invocation (start or resume). Then, for a
 * persistent profile, `{"type":"turn","parameters":{"prompt":…}}` and at last `{"type":"shutdown"}`; the end of stdin also ends it.
 * Out, after each turn: `{"type":"turn_complete","result":…}`.
 *
 *   echo '{"mode":"start","session_id":"ses_1","parameters":{"prompt":"hi"}}' | node examples/echo-executor.ts   (Node 24)
 */
import { createInterface } from "node:readline";
import { createSessionClient } from "../src/client/index.ts"; // "runner-relay/client" outside this repository

type Invocation = {
  mode: "start" | "resume";
  session_id?: string;
  parameters?: { prompt?: unknown };
  project_dir?: string;
};
type Instruction = { type: "turn"; parameters?: { prompt?: unknown } } | { type: "shutdown" };

const baseUrl = process.env["AGENT_ORCHESTRATOR_API_URL"];
if (baseUrl === undefined) throw new Error("AGENT_ORCHESTRATOR_API_URL is not set");
const client = createSessionClient({ baseUrl });

async function begin(invocation: Invocation, sessionId: string): Promise<void> {
  if (invocation.mode === "resume") await client.getSession(sessionId); // fails for one that does not exist
  await client.bind(sessionId, {
    executorSessionId: `echo-${sessionId}`,
    ...(invocation.project_dir === undefined ? {} : { projectDir: invocation.project_dir }),
  });
  if (invocation.mode === "resume") {
    await client.updateSession(sessionId, { last_resumed_at: new Date().toISOString() });
  }
}

async function turn(sessionId: string, prompt: unknown): Promise<void> {
  const text = typeof prompt === "string" ? prompt : JSON.stringify(prompt ?? null);
  const content = [{ type: "text", text }];
  await client.addEvent(sessionId, { event_type: "message", role: "user", content });
  await client.addEvent(sessionId, { event_type: "message", role: "assistant", content });
  await client.addEvent(sessionId, { event_type: "result", result_text: text, result_data: null });
  process.stdout.write(`${JSON.stringify({ type: "turn_complete", result: text })}\n`);
}

let sessionId: string | undefined;
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === "") continue;
  if (sessionId === undefined) {
    const invocation = JSON.parse(line) as Invocation;
    sessionId = invocation.session_id ?? process.env["AGENT_SESSION_ID"];
    if (sessionId === undefined) throw new Error("the invocation names no session");
    await begin(invocation, sessionId);
    await turn(sessionId, invocation.parameters?.prompt);
    continue;
  }
  const instruction = JSON.parse(line) as Instruction;
  if (instruction.type === "shutdown") break;
  await turn(sessionId, instruction.parameters?.prompt);
}
process.exit(0); // after a shutdown line stdin may still be open
