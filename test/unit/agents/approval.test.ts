import { expect, test } from "vitest";
import { approvalOf, judge, rulesOf } from "../../../src/agents/approval.ts";
import type { ApprovalChoice, Asked } from "../../../src/agents/port.ts";

test.each([
  ["ask", 0],
  ["default", 0],
  [0, 0],
  ["accept_edits", 1],
  ["acceptEdits", 1],
  ["1", 1],
  ["bypass", 2],
  ["bypassPermissions", 2],
  [2, 2],
  [3, undefined],
  ["toString", undefined],
  ["", undefined],
  [null, undefined],
  [true, undefined],
])("the mode %j is %s", (mode, choice) => {
  expect(approvalOf(mode)).toBe(choice);
});

const BASH: Asked = { toolName: "Bash", toolInput: { command: "ls", description: "git status" } };
const EDIT: Asked = { toolName: "Edit", toolInput: { file_path: "/w/a" }, edits: true };

test.each<[Asked, ApprovalChoice, object, string]>([
  [BASH, 0, {}, "ask"],
  [BASH, 1, {}, "ask"],
  [BASH, 2, {}, "allow"],
  [EDIT, 0, {}, "ask"],
  [EDIT, 1, {}, "allow"],
  [EDIT, 2, {}, "allow"],
  [BASH, 0, { allow: ["Bash"] }, "allow"],
  [BASH, 0, { allow: ["Bash(ls)"] }, "allow"],
  [BASH, 0, { allow: ["Bash(l)"] }, "ask"],
  [BASH, 0, { allow: ["Bash(git status)"] }, "ask"],
  [BASH, 0, { allow: ["Ba"] }, "ask"],
  [EDIT, 0, { allow: ["Edit(/w/a)"] }, "allow"],
  [{ ...EDIT, toolInput: "/w/a" }, 0, { allow: ["Edit(/w/a)"] }, "ask"],
  [BASH, 2, { ask: ["Bash"] }, "ask"],
  [BASH, 2, { deny: ["Bash"], allow: ["Bash"], ask: ["Bash"] }, "deny"],
  [BASH, 0, { allow: "Bash", deny: [7] }, "ask"],
])("%# a wish is judged by its rules and the choice", (asked, choice, permissions, judged) => {
  expect(judge(asked, choice, rulesOf({ permissions }))).toBe(judged);
});

test("options without rules have none", () => {
  expect(rulesOf({})).toEqual({ allow: [], ask: [], deny: [] });
  expect(rulesOf({ permissions: null })).toEqual({ allow: [], ask: [], deny: [] });
});
