import { expect, test } from "vitest";
import {
  CLIENT_KINDS,
  mayBePushed,
  OWNER_TYPES,
  roleOf,
} from "../../../../../src/shared/session-log/event/kinds.ts";

test("every kind of a subject has its source, and unknown kinds have none", () => {
  for (const kind of OWNER_TYPES) {
    expect(roleOf({ side: "out", kind })).toEqual({ source: "worker", type: kind });
    expect(roleOf({ side: "in", kind })).toBeUndefined();
  }
  for (const kind of CLIENT_KINDS) {
    expect(roleOf({ side: "in", kind })?.source).toBe(kind === "push" ? "push" : "user");
    expect(roleOf({ side: "out", kind })).toBeUndefined();
  }
});

test("an agent outside chooses its types, but none that a client or owner acts upon", () => {
  for (const type of ["text", "tool_call", "assistant", "error", "x", "turns", "RUN_STARTED", "Text"])
    expect(mayBePushed(type)).toBe(true);
  const refused = [
    "owner",
    "turn",
    "turn_started",
    "turn_ended",
    "turn_later",
    "permission_request",
    "gap",
    "reset",
  ];
  const others = ["closed", "caught_up", "unreadable", "created", "cancel", "decision", "input_response"];
  const shouted = ["TURN_ENDED", "Gap", "PERMISSION_resolved", "CREATED"];
  const odd = ["", "a.b", "a b", "1a", "toString()", "x".repeat(65)];
  for (const type of [...refused, ...others, ...shouted, ...odd]) expect(mayBePushed(type), type).toBe(false);
});
