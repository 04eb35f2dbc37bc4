import { isBlank, isObject, parseLine, type JsonObject } from "./invocation.ts";

/** What a runner says to an executor that lives on, behind the first line. */
export type Instruction =
  | { kind: "turn"; parameters: JsonObject }
  | { kind: "shutdown" }
  /** An empty line: nothing more comes. */
  | { kind: "end" }
  | { kind: "ignored"; why: string };

/** Reads a line behind the first one. What is no instruction is ignored, as the original executors do. Pure. */
export function readInstruction(line: Uint8Array): Instruction {
  if (isBlank(line)) return { kind: "end" };
  const parsed = parseLine(line);
  if (!parsed.ok) return { kind: "ignored", why: `invalid JSON on stdin: ${parsed.problem}` };
  const { type, parameters } = parsed.value;
  if (type === "shutdown") return { kind: "shutdown" };
  if (type !== "turn") return { kind: "ignored", why: "a line of an unknown type on stdin" };
  return { kind: "turn", parameters: isObject(parameters) ? parameters : {} };
}
