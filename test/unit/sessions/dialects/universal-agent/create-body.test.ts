import { expect, test } from "vitest";
import { readCreateBody } from "../../../../../src/sessions/dialects/universal-agent/create-body.ts";

test.each([
  [{ user_id: "u1" }, { user: "u1" }],
  [{ user_id: null, session_id: " ", workspace_dir: "" }, {}],
  [
    { user_id: "u1", session_id: "own", workspace_dir: "/w/own", codebase_root: "/x" },
    { user: "u1", id: "own", workspace: "/w/own" },
  ],
])("%j", (body, request) => {
  expect(readCreateBody(body)).toEqual({ ok: true, request });
});

test.each([
  [{ user_id: 5 }, ["body", "user_id"]],
  [{ session_id: {} }, ["body", "session_id"]],
  [{ workspace_dir: [] }, ["body", "workspace_dir"]],
  [undefined, ["body"]],
  [[], ["body"]],
])("%j is refused at %j", (body, loc) => {
  expect(readCreateBody(body)).toMatchObject({ ok: false, problem: { loc } });
});
