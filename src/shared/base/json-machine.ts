import { afterNumber, COMPLETE, INTEGER, isDigit, MINUS, ZERO, type NumberPhase } from "./json-number.ts";
import {
  COLON,
  COMMA_OR_END,
  endValue,
  ESCAPE,
  HEX,
  LITERAL,
  NAME,
  NAME_OR_END,
  NUMBER,
  startValue,
  STRING,
  VALUE,
  VALUE_OR_END,
  type JsonState,
} from "./json-state.ts";
import { readEscape, readString } from "./json-text.ts";

// The machine that reads JSON byte by byte; json-scan.ts is its face. json-state.ts is where it stands, with the start and end of values · json-text.ts reads
// texts, json-number.ts knows how numbers go on · this file reads all the rest

/** Reads up to `end`, or to the byte that is wrong; `at` is then its offset. */
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

/** Takes one byte between tokens, or the first one of a token. */
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
