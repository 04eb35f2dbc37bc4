import { MINUS, type NumberPhase } from "./json-number.ts";

// Inside a token:
export const STRING = 0;
export const ESCAPE = 1;
export const HEX = 2;
export const LITERAL = 3;
export const NUMBER = 4;
// Between tokens, what may come:
export const VALUE = 5;
export const VALUE_OR_END = 6;
export const NAME = 7;
export const NAME_OR_END = 8;
export const COLON = 9;
export const COMMA_OR_END = 10;
const NOTHING = 11;
export type Phase = number;

/** A member of the outermost object by the offsets of its bytes: from the quote of its name, from its value, to the end of its value. */
export type JsonMember = { from: number; valueFrom: number; to: number };

export type JsonProblem = "syntax" | "end" | "encoding" | "depth" | "values";

/** Where the machine that reads JSON byte by byte stands (`json-machine.ts`). It can stop at any byte and continue from there. */
export type JsonState = {
  readonly bytes: Uint8Array;
  readonly depth: number;
  readonly values: number;
  readonly names: readonly string[];
  readonly onMember: ((name: string | undefined, member: JsonMember) => void) | undefined;
  at: number;
  phase: Phase;
  /** Of the open containers, outermost first: is it an object? */
  open: boolean[];
  count: number;
  /** Is the string under way a name? */
  naming: boolean;
  /** Does it hold an escape? */
  escaped: boolean;
  /** Digits that the `\u` under way lacks; next letter of the literal under way. */
  left: number;
  literal: string;
  number: NumberPhase;
  /** The member under way of the outermost object. */
  member: JsonMember;
  name: string | undefined;
  /** The outermost value is an object. */
  object: boolean;
  /** It has ended, or could end here. */
  whole: boolean;
  problem: JsonProblem | undefined;
};

export function startOf(
  bytes: Uint8Array,
  options: Pick<JsonState, "depth" | "values"> & Partial<Pick<JsonState, "names" | "onMember">>,
): JsonState {
  return {
    bytes,
    depth: options.depth,
    values: options.values,
    names: options.names ?? [],
    onMember: options.onMember,
    at: 0,
    phase: VALUE,
    open: [],
    count: 0,
    naming: false,
    escaped: false,
    left: 0,
    literal: "",
    number: MINUS,
    member: { from: 0, valueFrom: 0, to: 0 },
    name: undefined,
    object: false,
    whole: false,
    problem: undefined,
  };
}

/** True if a value may start here. */
export function startValue(state: JsonState): boolean {
  if (state.phase !== VALUE && state.phase !== VALUE_OR_END) state.problem = "syntax";
  else if (++state.count > state.values) state.problem = "values";
  else {
    if (state.open.length === 1) state.member.valueFrom = state.at;
    return true;
  }
  return false;
}

/** A value ends before the byte at `to`. */
export function endValue(state: JsonState, to: number): void {
  const { open, onMember, member, name } = state;
  if (open.length === 0) {
    state.whole = true;
    state.phase = NOTHING;
    return;
  }
  state.phase = COMMA_OR_END;
  if (open.length !== 1 || open[0] !== true || onMember === undefined) return;
  onMember(name, { from: member.from, valueFrom: member.valueFrom, to });
}
