import { parseJsonWithin, type JsonLimits } from "../shared/base/json-scan.ts";
import { AGENT_TYPES } from "../shared/session-log/event/kinds.ts";
import type { AgentType } from "./agent.ts";
import { readLines } from "./lines.ts";
import type { Output, Runner, RunnerSession } from "./port.ts";
import { createRunner } from "./running.ts";

/** An agent that says nothing for this long has failed. */
const SILENCE_MS: number = 5 * 60 * 1000;
const LINE: JsonLimits & { bytes: number } = { bytes: 1024 * 1024, depth: 64, values: 100_000 };

/** An agent behind a URL: each turn is a POST, its answer one JSON object `{type, data}` a line. The end of the answer ends the turn. */
export function httpRunner(url: string, silenceMs: number = SILENCE_MS): Runner {
  return createRunner("http", (session) => {
    const stopped = new AbortController();
    return {
      over: post(session, { url, silenceMs, signal: stopped.signal }),
      stop() {
        stopped.abort();
        return null;
      },
    };
  });
}

async function post(
  session: RunnerSession,
  { url, silenceMs, signal }: { url: string; silenceMs: number; signal: AbortSignal },
): Promise<void> {
  const { request } = await import("undici"); // takes 8 MB, which a worker without such turns does not need
  const { statusCode, body } = await request(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/x-ndjson",
      ...(session.trace === undefined ? {} : { traceparent: session.trace }),
    },
    body: JSON.stringify(wireOf(session)), // a text, so that the request has a length
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
    signal,
  });
  if (statusCode < 200 || statusCode > 299) {
    await body.dump();
    throw new Error(`the agent answered ${statusCode}`);
  }
  for await (const line of readLines(body)) {
    const output = outputOf(line);
    if (output !== undefined) session.emit({ type: "output", output });
    await session.room();
  }
  session.emit({ type: "awaiting_input" });
}

function wireOf({ id, user, workspace, metadata: of, request: asked }: RunnerSession): object {
  const { user_input, force_complex = false, metadata = {}, context = {}, max_iterations } = asked;
  return {
    session: {
      session_id: id,
      user_id: user,
      workspace_dir: workspace ?? null,
      metadata: of,
    },
    request: { user_input, force_complex, metadata, context, max_iterations: max_iterations ?? null },
  };
}

/** What a line says; undefined for an empty one. What is no event of an agent is shown as its status, so that nothing is lost. */
function outputOf(line: Buffer): Output | undefined {
  if (line.toString("latin1").trim() === "") return undefined;
  const value = parseJsonWithin(line, LINE);
  if (typeof value !== "object" || value === null || !("type" in value) || typeof value.type !== "string")
    return other("error", { message: "the agent sent a line that is no event", recoverable: true });
  const given = "data" in value ? value.data : {};
  const data =
    typeof given === "object" && given !== null && !Array.isArray(given) ? given : { value: given };
  const known = AGENT_TYPES.find((type) => type === value.type);
  const { text } = data as { text?: unknown };
  if (
    (known === "text" || known === "thinking") &&
    typeof text === "string" &&
    Object.keys(data).length === 1
  )
    return { kind: "piece", of: known, block: "0", text };
  return known === undefined ? other("status", { type: value.type, data }) : other(known, { ...data });
}

function other(type: AgentType, data: Record<string, unknown>): Output {
  return { kind: "other", type, data };
}
