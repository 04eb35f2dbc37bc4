import type { Static, TObject, TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";
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
  /** What is wrong with arguments; undefined if nothing is. */
  problem: (args: unknown) => string | undefined;
  run(args: Readonly<Record<string, unknown>>, call: Call): Promise<Outcome>;
};

/** Makes a tool whose `run` knows the types of its arguments. */
export function toolOf<P extends TObject>(
  tool: Omit<Tool, "parameters" | "problem" | "run"> & {
    parameters: P;
    run: (args: Static<P>, call: Call) => Promise<Outcome>;
  },
): Tool {
  let compiled: Validator | undefined; // with the first call, and then for all
  return {
    ...tool,
    problem: (args) => problemOf((compiled ??= Compile(tool.parameters)), args),
    run: (args, call) => tool.run(args as Static<P>, call),
  };
}

function problemOf(validator: Validator, args: unknown): string | undefined {
  if (validator.Check(args)) return undefined;
  const [first] = validator.Errors(args);
  const place = first?.instancePath.slice(1).replaceAll("/", ".") ?? "";
  return `${place === "" ? "the arguments" : place}: ${first?.message ?? "wrong form"}`;
}

export function failed(text: string): Outcome {
  return { kind: "failed", text };
}
