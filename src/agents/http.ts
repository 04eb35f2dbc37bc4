import { request } from "undici";
import { parseJsonWithin, type JsonLimits } from "../shared/base/json-scan.ts";
import type { Agent, AgentEvents, AgentTurn } from "./agent.ts";
import { AGENT_TYPES } from "../shared/session-log/event/kinds.ts";
import { readLines } from "./lines.ts";

/** An agent that says nothing for this long has failed. */
const SILENCE_MS: number = 5 * 60 * 1000;
const LINE: JsonLimits & { bytes: number } = { bytes: 1024 * 1024, depth: 64, values: 100_000 };

/** An agent behind a URL: each turn is a POST, its answer one JSON object `{type, data}` a line. The end of the answer ends the turn. */
export function httpAgent(url: string, silenceMs: number = SILENCE_MS): Agent {
  return {
    async run(turn, events, signal) {
      const { statusCode, body } = await request(url, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/x-ndjson" },
        body: JSON.stringify(wireOf(turn)), // a text, so that the request has a length
        headersTimeout: silenceMs,
        bodyTimeout: silenceMs,
        signal,
      });
      if (statusCode < 200 || statusCode > 299) {
        await body.dump();
        return { outcome: "failed", data: { message: `the agent answered ${statusCode}` } };
      }
      for await (const line of readLines(body)) {
        pass(line, events);
        await events.room();
      }
      return { outcome: "finished" };
    },
  };
}

function wireOf({ session, request: asked }: AgentTurn): object {
  const { user_input, force_complex = false, metadata = {}, context = {}, max_iterations } = asked;
  return {
    session: {
      session_id: session.id,
      user_id: session.user,
      workspace_dir: session.workspace ?? null,
      metadata: session.metadata,
    },
    request: { user_input, force_complex, metadata, context, max_iterations: max_iterations ?? null },
  };
}

/** Hands on one line. What is no event of an agent is shown as its status, so that nothing is lost. */
function pass(line: Buffer, events: AgentEvents): void {
  if (line.toString("latin1").trim() === "") return;
  const value = parseJsonWithin(line, LINE);
  if (typeof value !== "object" || value === null || !("type" in value) || typeof value.type !== "string")
    return events.tell("error", { message: "the agent sent a line that is no event", recoverable: true });
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
    return events.piece(known, "0", text);
  events.tell(known ?? "status", known === undefined ? { type: value.type, data } : { ...data });
}
