import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  isJsonText,
  looksLikeRefusal,
  readAnswer,
  readAnswerObject,
  readLongAnswer,
  readLongAnswerObject,
} from "../../../../src/relay/coordinator/answer-body.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

function list(unit: string, bytes: number): string {
  return `[${Array.from({ length: Math.floor(bytes / (unit.length + 1)) }, () => unit).join(",")}]`;
}

/** Values in a tree. */
function countOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return 1 + Object.values(value).reduce<number>((sum, inner) => sum + countOf(inner), 0);
}

/** Answers that are made to be expensive. */
const BOMBS: Record<string, string> = {
  "many empty maps": `{"a":${list("{}", 3 * MIB)}}`,
  "many numbers": `{"a":${list("1", MIB)}}`,
  "many maps that just fit one look": `{"a":${list("{}", 60 * KIB)}}`,
  "arrays in arrays": `{"a":${"[".repeat(30_000)}${"]".repeat(30_000)}}`,
  "a million deep": `{"a":${"[".repeat(MIB)}${"]".repeat(MIB)}}`,
};

describe("a short answer", () => {
  test("is read as JSON is; what is none, is none", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(readAnswer(Buffer.from(JSON.stringify(value)))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void readAnswer(bytes)));
    for (const other of ["", "x", "[1", '{"a"}']) expect(readAnswer(Buffer.from(other))).toBeUndefined();
    expect(readAnswerObject(Buffer.from("[1]"))).toBeUndefined();
    expect(readAnswerObject(Buffer.from('{"a":1}'))).toEqual({ a: 1 });
  });

  test.each(Object.entries(BOMBS))("BOUND-1: of %s is none", (_, text) => {
    expect(readAnswer(Buffer.from(text))).toBeUndefined();
  });

  test("BOUND-1: never holds more than ten thousand values", () => {
    for (const unit of ["{}", "1", '""', "[]", "null"])
      for (const bytes of [KIB, 8 * KIB, 9 * KIB, 30 * KIB, 63 * KIB]) {
        const value = readAnswer(Buffer.from(list(unit, bytes)));
        if (value !== undefined) expect(countOf(value)).toBeLessThanOrEqual(10_000);
      }
  });
});

describe("a long answer", () => {
  test("is read beyond what a short one may have, up to 250,000 values", async () => {
    const text = list('{"run_id":"r","status":"running"}', 2 * MIB);
    expect(await readLongAnswer(Buffer.from(text))).toHaveLength(JSON.parse(text).length);
    expect(await readLongAnswer(Buffer.from(list("1", 400 * KIB)))).toHaveLength(204_800);
    expect(await readLongAnswer(Buffer.from(list("1", 600 * KIB)))).toBeUndefined();
    expect(await readLongAnswerObject(Buffer.from(list("1", KIB)))).toBeUndefined();
  });

  test.each(["a million deep", "many empty maps", "many numbers"])("BOUND-1: of %s is none", async (name) => {
    expect(await readLongAnswer(Buffer.from(BOMBS[name] ?? ""))).toBeUndefined();
  });

  test("ISOLATE-1: others get their turn while it is judged", async () => {
    const text = Buffer.from(list('"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"', 3 * MIB));
    let turns = 0;
    let over = false;
    const count = (): void => {
      turns++;
      if (!over) setImmediate(count);
    };
    setImmediate(count);
    await readLongAnswer(text);
    over = true;
    expect(turns).toBeGreaterThanOrEqual(Math.floor(text.length / (64 * KIB)));
  });
});

describe("is it JSON?", () => {
  test("as JSON.parse says, for whatever is short", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        let expected = true;
        try {
          JSON.parse(text);
        } catch {
          expected = false;
        }
        expect(isJsonText(Buffer.from(text))).toBe(expected);
      }),
    );
  });

  test.each(Object.entries(BOMBS))("%s are, judged by their ends", (_, text) => {
    expect(isJsonText(Buffer.from(` ${text}\n`))).toBe(true);
    expect(isJsonText(Buffer.from(`[${text}]`))).toBe(true);
    expect(isJsonText(Buffer.from(text.slice(0, -1)))).toBe(false);
    expect(isJsonText(Buffer.from(`<p>${text}`))).toBe(false);
  });

  test("text that is no UTF-8 is one by its ends", () => {
    const text = Buffer.from(`{"a":"${"\u00e9".repeat(10_000)}"}`, "latin1");
    expect(isJsonText(text)).toBe(true);
  });
});

test("a refusal that is too long to read is judged by its head", () => {
  const quoted = `{"detail":[{"msg":"no","input":${list("{}", MIB)}}]}`;
  expect(looksLikeRefusal(Buffer.from(quoted))).toBe(true);
  expect(looksLikeRefusal(Buffer.from(` \n{ "detail" : ${list("1", MIB)} }\n`))).toBe(true);
  expect(looksLikeRefusal(Buffer.from(`{"other":${list("1", MIB)}}`))).toBe(false);
  expect(looksLikeRefusal(Buffer.from(quoted.slice(0, -1)))).toBe(false);
  expect(looksLikeRefusal(Buffer.from('{"detail":1}'))).toBe(false); // short ones are read
});
