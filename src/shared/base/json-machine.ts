/** A member of the outermost object, by offsets: the quote before its name, the start of its value, the end of its value. */
export type JsonMember = { from: number; valueFrom: number; to: number };

export type JsonProblem = "syntax" | "end" | "encoding" | "depth" | "values";

/** A state machine that reads JSON byte by byte. It can stop at any byte and continue from there. `json-scan.ts` is its interface. */
export type JsonState = {
  readonly bytes: Uint8Array;
  readonly depth: number;
  readonly values: number;
  readonly names: readonly string[];
  readonly onMember: ((name: string | undefined, member: JsonMember) => void) | undefined;
  at: number;
  phase: Phase;
  /** For each open container, outermost first: true if it is an object. */
  open: boolean[];
  count: number;
  /** True if the current string is a name. */
  naming: boolean;
  /** True if the current string has an escape. */
  escaped: boolean;
  /** Digits that the current `\u` still needs, or the next letter of the current literal. */
  left: number;
  literal: string;
  number: NumberPhase;
  /** The current member of the outermost object. */
  member: JsonMember;
  name: string | undefined;
  /** True if the outermost value is an object. */
  object: boolean;
  /** True if the outermost value has ended, or could end here. */
  whole: boolean;
  problem: JsonProblem | undefined;
};

// Phases inside a token:
const STRING = 0;
const ESCAPE = 1;
const HEX = 2;
const LITERAL = 3;
const NUMBER = 4;
// Phases between tokens, by what may follow:
const VALUE = 5;
const VALUE_OR_END = 6;
const NAME = 7;
const NAME_OR_END = 8;
const COLON = 9;
const COMMA_OR_END = 10;
const NOTHING = 11;
type Phase = number;

// Phases of a number, by what was read last:
const MINUS = 0;
const ZERO = 1;
const INTEGER = 2;
const POINT = 3;
const FRACTION = 4;
const E = 5;
const SIGN = 6;
const EXPONENT = 7;
type NumberPhase = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;
/** True if a number may end in this phase. */
const COMPLETE: readonly boolean[] = [false, true, true, false, true, false, false, true];

/** 1 for bytes that a string may contain directly: all but control characters, the quote and the backslash. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte === 0x22 || byte === 0x5c ? 0 : 1,
);
/** 1 for bytes that may follow a backslash, except `u`. */
const SHORT_ESCAPE = new Uint8Array(256);
for (const byte of Buffer.from('"\\/bfnrt')) SHORT_ESCAPE[byte] = 1;
/** The longest encoding of one character of a name: `\u0061`. */
const LONGEST_ESCAPE = 6;

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

/** Reads up to `end`, or to the first wrong byte, whose offset is then in `at`. */
export function readOn(state: JsonState, end: number): void {
  const { bytes } = state;
  while (state.at < end && state.problem === undefined) {
    switch (state.phase) {
      case STRING:
        readString(state, end);
        break;
      case NUMBER:
        readNumber(state, end);
        break;
      case LITERAL:
        if (bytes[state.at] !== state.literal.charCodeAt(state.left)) state.problem = "syntax";
        else if (++state.at && ++state.left === state.literal.length) endValue(state, state.at);
        break;
      case ESCAPE:
      case HEX:
        readEscape(state, bytes[state.at] ?? 0);
        break;
      default: {
        const byte = bytes[state.at] ?? 0;
        if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) state.at++;
        else readStructure(state, byte);
      }
    }
  }
}

function readString(state: JsonState, end: number): void {
  const { bytes } = state;
  let at = state.at;
  for (;;) {
    while (at < end && PLAIN[bytes[at] ?? 0] === 1) at++;
    // a short escape does not change the phase, because texts have many of them
    if (at + 1 >= end || bytes[at] !== 0x5c || SHORT_ESCAPE[bytes[at + 1] ?? 0] !== 1) break;
    state.escaped = true;
    at += 2;
  }
  state.at = at;
  if (at === end) return;
  if (bytes[at] === 0x5c) {
    state.at++;
    state.escaped = true;
    state.phase = ESCAPE;
  } else if (bytes[at] !== 0x22) state.problem = "syntax";
  else {
    state.at++;
    if (!state.naming) return endValue(state, state.at);
    state.naming = false;
    state.phase = COLON;
    if (state.open.length === 1) state.name = nameOf(state, at);
  }
}

/** The name between the member's first quote and the quote at `end`, if it is one of the wanted names. */
function nameOf({ bytes, names, member, escaped }: JsonState, end: number): string | undefined {
  const from = member.from + 1;
  const length = end - from;
  for (const name of names) {
    if (escaped ? length > name.length * LONGEST_ESCAPE : length !== name.length) continue;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, length).toString("utf8");
    if ((escaped ? JSON.parse(`"${text}"`) : text) === name) return name;
  }
  return undefined;
}

function readEscape(state: JsonState, byte: number): void {
  if (state.phase === ESCAPE) {
    if (byte !== 0x75 && SHORT_ESCAPE[byte] !== 1) return void (state.problem = "syntax");
    state.phase = byte === 0x75 ? HEX : STRING;
    state.left = 4;
  } else {
    const letter = byte | 0x20;
    if (!isDigit(byte) && !(letter >= 0x61 && letter <= 0x66)) return void (state.problem = "syntax");
    if (--state.left === 0) state.phase = STRING;
  }
  state.at++;
}

function readNumber(state: JsonState, end: number): void {
  const { bytes } = state;
  let at = state.at;
  let phase: NumberPhase | undefined = state.number;
  for (; at < end; at++) {
    const next: NumberPhase | undefined = afterNumber(phase, bytes[at] ?? 0);
    if (next === undefined) break;
    phase = next;
  }
  state.at = at;
  state.number = phase;
  const complete = COMPLETE[phase] === true;
  if (at < end) {
    if (complete) endValue(state, at);
    else state.problem = "syntax";
  } else if (state.open.length === 0) state.whole = complete; // the end of the text is the end of the number
}

/** The next phase of a number after this byte. Undefined if the byte is not part of the number. */
function afterNumber(phase: NumberPhase, byte: number): NumberPhase | undefined {
  if (isDigit(byte)) {
    switch (phase) {
      case MINUS:
        return byte === 0x30 ? ZERO : INTEGER;
      case ZERO:
        return undefined;
      case INTEGER:
        return INTEGER;
      case POINT:
      case FRACTION:
        return FRACTION;
      case E:
      case SIGN:
      case EXPONENT:
        return EXPONENT;
    }
  }
  if (byte === 0x2e) return phase === ZERO || phase === INTEGER ? POINT : undefined;
  if ((byte | 0x20) === 0x65)
    return phase === ZERO || phase === INTEGER || phase === FRACTION ? E : undefined;
  if (byte === 0x2b || byte === 0x2d) return phase === E ? SIGN : undefined;
  return undefined;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Processes one byte between tokens, or the first byte of a token. */
function readStructure(state: JsonState, byte: number): void {
  const { phase } = state;
  if (byte === 0x22) {
    if (phase === NAME || phase === NAME_OR_END) {
      state.naming = true;
      if (state.open.length === 1) state.member.from = state.at;
    } else if (!startValue(state)) return;
    state.escaped = false;
    state.phase = STRING;
    state.at++;
  } else if (byte === 0x2c && phase === COMMA_OR_END) {
    state.phase = state.open[state.open.length - 1] === true ? NAME : VALUE;
    state.at++;
  } else if (byte === 0x3a && phase === COLON) {
    state.phase = VALUE;
    state.at++;
  } else if (byte === 0x7b || byte === 0x5b) openContainer(state, byte === 0x7b);
  else if (byte === 0x7d || byte === 0x5d) closeContainer(state, byte === 0x7d);
  else startScalar(state, byte);
}

function openContainer(state: JsonState, object: boolean): void {
  if (!startValue(state)) return;
  if (state.open.length === state.depth) return void (state.problem = "depth");
  if (state.open.push(object) === 1) state.object = object;
  state.phase = object ? NAME_OR_END : VALUE_OR_END;
  state.at++;
}

function closeContainer(state: JsonState, object: boolean): void {
  const mayEnd = state.phase === COMMA_OR_END || state.phase === (object ? NAME_OR_END : VALUE_OR_END);
  if (!mayEnd || state.open[state.open.length - 1] !== object) return void (state.problem = "syntax");
  state.open.pop();
  state.at++;
  endValue(state, state.at);
}

function startScalar(state: JsonState, byte: number): void {
  if (!startValue(state)) return;
  if (byte === 0x2d || isDigit(byte)) {
    state.phase = NUMBER;
    state.number = byte === 0x2d ? MINUS : byte === 0x30 ? ZERO : INTEGER;
    state.at++;
    if (state.open.length === 0) state.whole = byte !== 0x2d;
    return;
  }
  const literal = byte === 0x74 ? "true" : byte === 0x66 ? "false" : byte === 0x6e ? "null" : undefined;
  if (literal === undefined) return void (state.problem = "syntax");
  state.literal = literal;
  state.left = 0;
  state.phase = LITERAL;
}

/** True if a value may start here. */
function startValue(state: JsonState): boolean {
  if (state.phase !== VALUE && state.phase !== VALUE_OR_END) state.problem = "syntax";
  else if (++state.count > state.values) state.problem = "values";
  else {
    if (state.open.length === 1) state.member.valueFrom = state.at;
    return true;
  }
  return false;
}

function endValue(state: JsonState, to: number): void {
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
