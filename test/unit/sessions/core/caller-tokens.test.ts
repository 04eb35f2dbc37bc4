import { expect, test } from "vitest";
import { createCallerTokens, HELD_CHARS, HELD_MS } from "../../../../src/sessions/core/caller-tokens.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const of = (turn: string, token = "t".repeat(10)): { session: string; turn: string; token: string } => ({
  session: "s",
  turn,
  token,
});

test("a token is handed over once, to its own turn only", () => {
  const tokens = createCallerTokens({ clock: createFakeClock(), holder: "h" });
  tokens.hold(of("a", "token-a"));
  expect(tokens.take({ session: "s", turn: "b" })).toBeUndefined();
  expect(tokens.take({ session: "x", turn: "a" })).toBeUndefined();
  expect(tokens.take({ session: "s", turn: "a" })).toBe("token-a");
  expect(tokens.take({ session: "s", turn: "a" })).toBeUndefined();
});

test("a repeat of a turn changes nothing, neither when it comes nor when it is given up", () => {
  const tokens = createCallerTokens({ clock: createFakeClock(), holder: "h" });
  tokens.hold(of("a", "first"));
  const drop = tokens.hold(of("a", "second"));
  if (typeof drop === "function") drop();
  expect(tokens.take({ session: "s", turn: "a" })).toBe("first");
});

test("a turn that was not stored leaves nothing", () => {
  const tokens = createCallerTokens({ clock: createFakeClock(), holder: "h" });
  const drop = tokens.hold(of("a"));
  if (typeof drop === "function") drop();
  expect(tokens.take({ session: "s", turn: "a" })).toBeUndefined();
});

test("a token is forgotten after an hour, and then there is room again", () => {
  const clock = createFakeClock();
  const tokens = createCallerTokens({ clock, holder: "h" });
  const large = "x".repeat(HELD_CHARS / 2);
  tokens.hold(of("a", large));
  tokens.hold(of("b", large));
  expect(tokens.hold(of("c"))).toMatchObject({ kind: "refused", code: "caller_tokens_full" });
  clock.jump(HELD_MS);
  expect(tokens.take({ session: "s", turn: "a" })).toBeUndefined();
  expect(tokens.hold(of("c"))).toBeTypeOf("function");
});
