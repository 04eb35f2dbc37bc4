import type { Static, TObject, TSchema } from "typebox";
import type { Caller } from "./caller.ts";

/** What became of a call. A refusal is a result, because an agent is to read it and decide. */
export type Outcome =
  | { kind: "object"; value: Readonly<Record<string, unknown>> }
  | { kind: "list"; items: readonly object[] }
  | { kind: "failed"; text: string };

/** How far a call is: `done` of `total` seconds. */
export type Progress = { done: number; total: number; text: string };

export type Call = {
  caller: Caller;
  /** Aborts when the client cancels the call or goes away. */
  signal: AbortSignal;
  progress: (progress: Progress) => void;
};

/** A tool as clients see it, and what it does. Arguments have been checked when `run` gets them. */
export type Tool = {
  name: string;
  description: string;
  parameters: TObject;
  /** What a successful call returns; a list of these if `isList`. */
  result: TSchema;
  isList: boolean;
  /** `reads`: it changes nothing. `removes`: what it changes cannot be taken back. */
  effect: "reads" | "writes" | "removes";
  run(args: Readonly<Record<string, unknown>>, call: Call): Promise<Outcome>;
};

/** Makes a tool whose `run` knows the types of its arguments. */
export function toolOf<P extends TObject>(
  tool: Omit<Tool, "parameters" | "run"> & {
    parameters: P;
    run: (args: Static<P>, call: Call) => Promise<Outcome>;
  },
): Tool {
  return { ...tool, run: (args, call) => tool.run(args as Static<P>, call) };
}

export function failed(text: string): Outcome {
  return { kind: "failed", text };
}
