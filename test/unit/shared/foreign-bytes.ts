import * as fc from "fast-check";
import { Packr } from "msgpackr";
import { expect } from "vitest";
import { CodedError } from "../../../src/shared/base/errors.ts";

const packr = new Packr({ useRecords: false, variableMapSize: true });
export const bytes = fc.uint8Array({ maxLength: 100 });

export const anything = fc.oneof(
  bytes,
  fc.anything({ maxDepth: 2 }).map((value) => pack(value)),
  fc
    .dictionary(fc.string(), fc.anything({ maxDepth: 1 }))
    .map((value) => pack({ v: 1, kind: "answer", ...value })),
);

export function pack(value: unknown): Uint8Array {
  try {
    return packr.pack(value);
  } catch {
    return new Uint8Array(); // what msgpack cannot say
  }
}

/** Runs a decoder that may refuse, but only with a code. */
export function refusal(decode: () => unknown): unknown {
  try {
    decode();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(CodedError);
    return (error as CodedError).code;
  }
}
