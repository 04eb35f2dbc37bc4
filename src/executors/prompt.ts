import type { JsonObject } from "./invocation.ts";

export type Prompt = { ok: true; text: string } | { ok: false; problem: string };

/** What the agent is asked in its first turn: the prompt, or all parameters as a block where the agent has inputs of its own. Pure. */
export function firstPrompt(parameters: JsonObject, hasInputs: boolean): Prompt {
  if (hasInputs) return { ok: true, text: inputsBlock(parameters) };
  const { prompt } = parameters;
  if (prompt === undefined)
    return {
      ok: false,
      problem: "Missing required 'prompt' in parameters for autonomous agent without custom schema",
    };
  if (typeof prompt !== "string") return { ok: false, problem: "parameters.prompt must be a text" };
  return { ok: true, text: prompt };
}

/** What it is asked in a later turn: always the prompt. Pure. */
export function laterPrompt({ prompt }: JsonObject): string {
  return typeof prompt === "string" ? prompt : "";
}

function inputsBlock(parameters: JsonObject): string {
  const lines = Object.entries(parameters).flatMap(([key, value]) => {
    if (typeof value === "string" && value.includes("\n"))
      return [`${key}:`, ...value.split("\n").map((line) => `  ${line}`)];
    return [`${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`];
  });
  return ["<inputs>", ...lines, "</inputs>"].join("\n");
}
