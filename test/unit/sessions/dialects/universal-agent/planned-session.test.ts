import { expect, test } from "vitest";
import {
  plannedSession,
  SESSION_ID,
  sessionIdAt,
  turnIdAt,
} from "../../../../../src/sessions/dialects/universal-agent/planned-session.ts";

test.each([
  [{ workspace: "/w/alpha" }, { id: "alpha", workspace: "/w/alpha" }],
  [{ workspace: "/w/alpha/" }, { id: "alpha", workspace: "/w/alpha/" }],
  [
    { workspace: "/w/alpha", id: "own" },
    { id: "own", workspace: "/w/alpha" },
  ],
  [{ id: "own" }, { id: "own", workspace: "own" }],
  [{}, { id: "made", workspace: "made" }],
])("%j becomes %j", (request, planned) => {
  expect(plannedSession(request, () => "made")).toEqual(planned);
});

test("made ids have the form of the program's", () => {
  const at = Date.UTC(2026, 10, 30, 15, 4, 5);
  expect(sessionIdAt(at, "0a1b2c3d")).toBe("session_20261130_150405_0a1b2c3d");
  expect(sessionIdAt(at, "0a1b2c3d")).toMatch(SESSION_ID);
  expect(turnIdAt(at, "0a1b2c3d")).toBe(`turn_${at}_0a1b2c3d`);
});

test.each(["", "-x", ".x", "bad id", "a/b", "ä", "a".repeat(129)])("%j is no id of a session", (id) => {
  expect(id).not.toMatch(SESSION_ID);
});
