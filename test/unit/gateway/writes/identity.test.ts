import { describe, expect, test } from "vitest";
import { isUsableKey, keyedIds } from "../../../../src/gateway/writes/identity.ts";

describe("identity of an event", () => {
  test("the same for the same session, route and key, and for nothing else", () => {
    const keyedId = keyedIds("a secret");
    const id = keyedId("s", "event", "k");
    expect(keyedIds("a secret")("s", "event", "k")).toBe(id);
    const others = [
      keyedId("t", "event", "k"),
      keyedId("s", "bind", "k"),
      keyedId("s", "event", "l"),
      keyedId("s,event", "event", "k"),
      keyedIds("another")("s", "event", "k"), // who does not know the secret cannot be there first
    ];
    expect(others).not.toContain(id);
    expect(id).toMatch(/^[a-f0-9]{32}$/);
  });

  test.each(["k", "a b", "~!", "x".repeat(255)])("key %s is usable", (key) =>
    expect(isUsableKey(key)).toBe(true),
  );
  test.each(["", " a", "a ", "é", "a\u0000", "x".repeat(256)])("key %s is not", (key) =>
    expect(isUsableKey(key)).toBe(false),
  );
});
