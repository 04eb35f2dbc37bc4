import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createJsonScanner,
  parseJsonWithin,
  scanJson,
  type JsonScan,
} from "../../../../src/shared/base/json-scan.ts";

const DEPTH = 64;
const NAMES = ["session_id", "__proto__", "a"];

/** The last member of each name, as text, and what the scan came to. */
function scanned(
  text: string | Uint8Array,
  slice = Infinity,
): { result: JsonScan; last: Map<string, string> } {
  const bytes = Buffer.from(text);
  const last = new Map<string, string>();
  const scanner = createJsonScanner(bytes, {
    depth: DEPTH,
    names: NAMES,
    onMember(name, { valueFrom, to }) {
      if (name !== undefined) last.set(name, bytes.toString("utf8", valueFrom, to));
    },
  });
  let result: JsonScan | undefined;
  while (result === undefined) result = scanner.advance(slice);
  return { result, last };
}

function parses(text: string): { ok: boolean; value?: unknown } {
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch {
    return { ok: false };
  }
}

/** JSON with odd spellings that a serialiser never writes: escapes of any letter, spaces, repeated names, long numbers. */
const spelledString = fc
  .array(
    fc.oneof(
      fc.constantFrom("a", "é", "😀", "\u2028", "\u007f"),
      fc.constantFrom("\\n", '\\"', "\\\\", "\\/", "\\u0061", "\\uD800", "\\uDC00", "\\u005f"),
      fc.string({ maxLength: 3 }).map((it) => JSON.stringify(it).slice(1, -1)),
    ),
    { maxLength: 6 },
  )
  .map((parts) => `"${parts.join("")}"`);
const spelledName = fc.oneof(
  spelledString,
  fc.constantFrom(
    '"session_id"',
    '"session\\u005fid"',
    '"\\u0073ession_id"',
    '"__proto__"',
    '"\\u005f_proto__"',
    '"a"',
    '"\\u0061"',
    '"session_id "',
  ),
);
const spelledNumber = fc.constantFrom("0", "-0", "1.0", "1e400", "-1.5E-7", "12345678901234567890", "1E+2");
const space = fc.constantFrom("", " ", "\n\t", "\r");
const { value: spelled } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", maxDepth: 5 },
    spelledNumber,
    fc.constantFrom("true", "false", "null"),
    spelledString,
    fc
      .array(fc.tuple(space, tie("value")), { maxLength: 4 })
      .map((items) => `[${items.map(([gap, value]) => gap + value + gap).join(",")}]`),
    fc
      .array(fc.tuple(space, spelledName, tie("value")), { maxLength: 4 })
      .map(
        (items) => `{${items.map(([gap, name, value]) => `${gap}${name}${gap}:${value}${gap}`).join(",")}}`,
      ),
  ),
}));

describe("a scan judges as JSON.parse does", () => {
  test("whatever is JSON, in any spelling, and its members are those that parsing finds", () => {
    fc.assert(
      fc.property(spelled, fc.integer({ min: 1, max: 7 }), (text, slice) => {
        const parsed = parses(text);
        const { result, last } = scanned(text, slice);
        expect({ text, ok: result.ok }).toEqual({ text, ok: parsed.ok });
        expect(scanned(text)).toEqual({ result, last });
        const { value } = parsed;
        const object = typeof value === "object" && value !== null && !Array.isArray(value);
        if (result.ok) expect(result.object).toBe(object);
        if (!object) return;
        for (const name of NAMES) {
          const found = last.get(name);
          expect(found !== undefined).toBe(Object.hasOwn(value, name));
          if (found !== undefined)
            expect(JSON.parse(found)).toEqual((value as Record<string, unknown>)[name]);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("whatever is one change away from JSON", () => {
    const change = fc.record({
      at: fc.nat(),
      drop: fc.integer({ min: 0, max: 2 }),
      put: fc.constantFrom(
        "",
        ",",
        ":",
        "}",
        "]",
        '"',
        "\\",
        "0",
        "-",
        ".",
        "e",
        "u",
        " ",
        "\u0000",
        "x",
        "\ufeff",
        "[",
        "{",
      ),
    });
    fc.assert(
      fc.property(spelled, change, (text, { at, drop, put }) => {
        const from = at % (text.length + 1);
        const changed = (text.slice(0, from) + put + text.slice(from + drop)).toWellFormed();
        expect({ changed, ok: scanned(changed, 3).result.ok }).toEqual({ changed, ok: parses(changed).ok });
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    "",
    " ",
    "nul",
    "nulll",
    "tru e",
    "01",
    "-",
    "-01",
    "1.",
    "1.e1",
    ".5",
    "1e",
    "1e+",
    "+1",
    "0x1",
    "NaN",
    "1 2",
    "{} {}",
    "[1,]",
    "[,1]",
    "{,}",
    '{"a":1,}',
    '{"a"}',
    '{"a":}',
    "{a:1}",
    "{'a':1}",
    '{"a":1 "b":2}',
    "[1}",
    '{"a":1]',
    "[",
    "{",
    '"',
    '"a',
    '"\\',
    '"\\x"',
    '"\\u12"',
    '"\\u12G4"',
    '"\n"',
    '"\t"',
    '"\u0000"',
    "\ufeff{}",
    "\u00a0{}",
    "//x\n1",
    "/*x*/1",
    "]",
    "}",
    ":",
    ",",
    '{"a":1}}',
  ])("no JSON: %j", (text) => {
    expect(parses(text).ok).toBe(false);
    expect(scanned(text).result.ok).toBe(false);
    expect(scanned(text, 1).result).toEqual(scanned(text).result);
  });

  test.each([
    " 0 ",
    "-0",
    "1",
    "12",
    '"\u007f\u2028"',
    '"\\ud800"',
    " null\n",
    "true",
    "[[],{}]",
    '{"":1}',
    "1e1",
    "-1.5",
  ])("JSON: %j", (text) =>
    expect(scanned(text, 1)).toEqual({ result: { ok: true, object: text.startsWith("{") }, last: new Map() }),
  );

  test("says where it went wrong, and where it is no UTF-8", () => {
    expect(scanned('{"a":x}').result).toEqual({ ok: false, problem: "syntax", at: 5 });
    expect(scanned('{"a":').result).toEqual({ ok: false, problem: "end", at: 5 });
    expect(scanned(Buffer.from([0x22, 0xff, 0x22])).result).toMatchObject({ ok: false, problem: "encoding" });
    // an encoded surrogate, an overlong slash, a cut sequence
    for (const bytes of [
      [0xed, 0xa0, 0x80],
      [0xc0, 0xaf],
      [0xe2, 0x82],
    ])
      expect(scanned(Buffer.from([0x22, ...bytes, 0x22])).result).toMatchObject({ problem: "encoding" });
  });
});

describe("limits", () => {
  const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);

  test("of depth, objects and arrays alike", () => {
    expect(scanned(nested(DEPTH)).result.ok).toBe(true);
    for (const text of [nested(DEPTH + 1), nested(1_000_000), '{"a":'.repeat(DEPTH + 1)])
      expect(scanned(text).result).toMatchObject({ problem: "depth" });
  });

  test.each(["[1,2,3]", '{"a":{"b":null}}', "[{},[]]", '["a","b"]'])("of values: %s", (text) => {
    const bytes = Buffer.from(text);
    const count = (JSON.stringify(JSON.parse(text)).match(/[[{]|\d|null|"[^"]*"(?!:)/g) ?? []).length;
    expect(scanJson(bytes, { depth: 9, values: count })).toMatchObject({ ok: true });
    expect(scanJson(bytes, { depth: 9, values: count - 1 })).toMatchObject({ problem: "values" });
  });

  test("a text within them is parsed, and no other", () => {
    const limits = { bytes: 10, depth: 2, values: 3 };
    const parsed = (text: string): unknown => parseJsonWithin(Buffer.from(text), limits);
    expect(parsed('{"a":[1]}')).toEqual({ a: [1] });
    for (const text of ['{"a":[ 1 ]}', "[1,2,3]", "[[[]]]", "[1,", "\ufeff1"])
      expect(parsed(text)).toBeUndefined();
  });
});
