import { assert, property, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { createTokens } from "../../../../src/gateway/writes/tokens.ts";

describe("tokens", () => {
  test("are of one form, beyond the end of a pool as well, and never come again", () => {
    const next = createTokens();
    const tokens = Array.from({ length: 2000 }, next);
    expect(new Set(tokens).size).toBe(2000);
    for (const token of tokens) expect(token).toMatch(/^[a-z0-9]{20}$/);
  });

  test("use every bit of what is drawn once: 100 bits each, none twice", () => {
    assert(
      property(uint8Array({ minLength: 64, maxLength: 64 }), (bytes) => {
        let drawn = 0;
        const next = createTokens((pool) => {
          drawn++;
          pool.fill(0);
          pool.set(bytes);
        });
        const text = next() + next() + next();
        const digits = Array.from(text, (char) =>
          /[a-z]/.test(char) ? char.charCodeAt(0) - 97 : 24 + Number(char),
        );
        expect(digits).toEqual([...bytes.subarray(0, 60)].map((byte) => byte & 31));
        expect(drawn).toBe(1);
      }),
    );
  });

  test("two processes share none", () => {
    const [a, b] = [createTokens(), createTokens()];
    const those = new Set(Array.from({ length: 500 }, a));
    expect(Array.from({ length: 500 }, b).filter((token) => those.has(token))).toEqual([]);
  });
});
