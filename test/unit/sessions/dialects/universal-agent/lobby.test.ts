import { expect, test } from "vitest";
import type { Command } from "../../../../../src/sessions/dialects/universal-agent/command.ts";
import { lobbyAnswer } from "../../../../../src/sessions/dialects/universal-agent/lobby.ts";

test.each<[Command, string[] | undefined]>([
  [{ kind: "ping" }, ["pong"]],
  [{ kind: "cancel", reason: "x" }, ["cancelled"]],
  [{ kind: "wrong", message: "Invalid JSON", ends: false }, ["error"]],
  [{ kind: "wrong", message: "Empty user_input", ends: true }, ["error", "query_complete"]],
  [{ kind: "answer", input: "i", response: "r" }, []],
  [{ kind: "approval", request: "r", allow: true }, []],
  [{ kind: "resume", after: { seq: 1 } }, []],
])("%j without a session", (command, types) => {
  expect(lobbyAnswer(command, 0)?.map(({ type }) => type)).toEqual(types);
});

test("a turn makes a session", () => {
  const request = { user_input: "hi", force_complex: false, metadata: {} };
  expect(lobbyAnswer({ kind: "execute", turn: undefined, request }, 0)).toBeUndefined();
});
