import { expect, test } from "vitest";
import { callerOf } from "../../../src/mcp/caller.ts";

const NOTHING = { sessionId: undefined, tags: undefined, demands: {} };

test.each([
  ["nothing", {}, NOTHING, false],
  ["empty texts", { sessionId: " ", tags: "", demands: "" }, NOTHING, false],
  [
    "everything",
    {
      sessionId: "ses_1",
      tags: "a,b",
      demands: '{"executor_profile":"best","executor_type":"autonomous","tags":["x"]}',
    },
    {
      sessionId: "ses_1",
      tags: "a,b",
      demands: { executor_profile: "best", executor_type: "autonomous", tags: ["x"] },
    },
    false,
  ],
  ["demands that are no JSON", { demands: "{" }, NOTHING, true],
  ["demands that are a list", { demands: "[1]" }, NOTHING, true],
  ["demands that are null", { demands: "null" }, NOTHING, true],
])("%s", (_, texts, caller, ignored) => {
  const read = callerOf({ sessionId: undefined, tags: undefined, demands: undefined, ...texts });
  expect(read).toEqual({ caller, ignored });
});
