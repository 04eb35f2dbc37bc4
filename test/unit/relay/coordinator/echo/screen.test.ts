import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createSentCredentials,
  needlesOf,
  struckOut,
} from "../../../../../src/relay/coordinator/echo/needles.ts";
import { createScreen } from "../../../../../src/relay/coordinator/echo/screen.ts";
import { formsOf } from "../../../../../src/shared/base/secret-forms.ts";

const SECRET = 'eyJ0-s3cret/+ &"token';
const needles = needlesOf([SECRET]);

/** What comes out of a screen that gets a text in pieces of these sizes. */
function through(
  text: string | Buffer,
  sizes: readonly number[],
): { out: string; waits: number[]; found: boolean } {
  const screen = createScreen(needles);
  const bytes = Buffer.from(text);
  const out: Buffer[] = [];
  const waits: number[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    const passed = screen.take(bytes.subarray(at, at + size));
    out.push(Buffer.from(passed));
    at += size;
    waits.push(Math.min(at, bytes.length) - Buffer.concat(out).length);
  }
  out.push(screen.end());
  return { out: Buffer.concat(out).toString(), waits, found: screen.found };
}

/** Its first three letters may have gone on before it was known. */
function stars(out: string, before: string, quoted: string): string {
  const rest = out.slice(before.length);
  const begun = /^[^*]{0,3}(?=\*)/.exec(rest)?.[0] ?? "";
  return quoted.startsWith(begun)
    ? out.slice(0, before.length) + "*".repeat(begun.length) + rest.slice(begun.length)
    : out;
}

describe("CRED-1: a secret that an answer quotes", () => {
  test("is struck out in every form, wherever the chunks are cut, and no length changes", () => {
    const form = fc.constantFrom(...formsOf(SECRET));
    const around = fc.string({ unit: "grapheme", maxLength: 30 });
    fc.assert(
      fc.property(
        form,
        around,
        around,
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (quoted, a, b, sizes) => {
          const text = `${a}${quoted}${b}`;
          const { out, found } = through(text, sizes);
          expect(found).toBe(true);
          expect(Buffer.byteLength(out)).toBe(Buffer.byteLength(text));
          expect(stars(out, a, quoted)).toBe(`${a}${"*".repeat(quoted.length)}${b}`);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test.each(["", "x", "xx", "xxx"])("is found in base64 of something longer, at any place: %j", (before) => {
    for (const alphabet of ["base64", "base64url"] as const) {
      const { out } = through(
        Buffer.from(`${before}Authorization: Bearer ${SECRET} and more`).toString(alphabet),
        [7],
      );
      const left = Buffer.from(out.replaceAll("*", "A"), alphabet).toString("latin1");
      expect(left).not.toContain(SECRET.slice(1, -1));
      expect(out).toMatch(/\*{20,}/);
    }
  });

  test("is struck out when an answer ends in the middle of it; a few of its letters are not secret", () => {
    expect(through(`x ${SECRET.slice(0, -1)}`, [9]).out).toBe(`x ${"*".repeat(SECRET.length - 1)}`);
    expect(through(`x ${SECRET.slice(0, 5)}`, [3]).out).toBe(`x ${SECRET.slice(0, 5)}`);
  });

  test("nothing else is changed, and only what may begin a secret waits", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (bytes, sizes) => {
          const screen = createScreen(needles);
          const out: Buffer[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = sizes[i % sizes.length] ?? 1;
            out.push(Buffer.from(screen.take(bytes.subarray(at, at + size))));
            at += size;
          }
          out.push(screen.end());
          expect(Buffer.concat(out).equals(Buffer.from(bytes))).toBe(true);
        },
      ),
    );
    expect(through("data: eyJ\n\ndata: e\n\neyJ", [11, 9, 3]).waits).toEqual([0, 0, 0]);
    expect(through(`data: ${SECRET.slice(0, 6)}`, [100]).waits).toEqual([6]);
  });

  test("a chunk that others hold too is not written to", () => {
    const chunk = Buffer.from(`a ${SECRET} b`);
    const before = Buffer.from(chunk);
    createScreen(needles).take(chunk);
    expect(chunk.equals(before)).toBe(true);
  });

  test("in heads its length stays too; short keys are not looked for", () => {
    expect(struckOut(`/login?t=${encodeURIComponent(SECRET)}&x`, needles)).toMatch(/^\/login\?t=\*+&x$/);
    const sent = createSentCredentials();
    const pass = (value: string, generation: number) =>
      ({ kind: "ready", headers: { authorization: value }, generation }) as const;
    expect(sent.of(pass("Bearer short", 0)).all).toEqual([]);
    sent.of(pass("Bearer first-token", 1));
    const later = sent.of(pass("Bearer second-token", 2));
    expect(struckOut("first-token second-token Bearer", later)).toBe("*********** ************ Bearer");
    for (let i = 3; i < 6; i++) sent.of(pass(`Bearer token-number-${i}`, i));
    expect(sent.of(pass("Bearer token-number-6", 6)).plain.map(String)).toEqual([
      "token-number-6",
      "token-number-5",
      "token-number-4",
    ]);
  });
});
