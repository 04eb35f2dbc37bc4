import { describe, expect, test } from "vitest";
import { judgeLateBind } from "../../../../src/relay/coordinator/late-bind.ts";
import type { AttemptResult } from "../../../../src/relay/coordinator/verdict.ts";
import { answer, REFUSED, envelope } from "./samples.ts";

describe("late binds", () => {
  type Answers = Record<string, AttemptResult>;
  const judge = async (answers: Answers): Promise<string> => {
    const judged = await judgeLateBind(envelope({ kind: "bind", session: "a b" }), (path) =>
      Promise.resolve(answers[path] ?? REFUSED),
    );
    return judged.kind;
  };
  const STATUS = "/sessions/a%20b/status";
  const over = answer(200, { status: "finished" });
  const runs = (...list: unknown[]): AttemptResult => answer(200, { runs: list });

  test.each<[string, Answers, string]>([
    ["a running session", { [STATUS]: answer(200, { status: "running" }) }, "send"],
    [
      "a session nobody knows: the coordinator's answer to the bind will say so",
      { [STATUS]: answer(200, { status: "not_existent" }) },
      "send",
    ],
    ["a finished session without runs", { [STATUS]: over, "/runs": runs() }, "superseded"],
    [
      "a finished session, its run over",
      { [STATUS]: over, "/runs": runs({ session_id: "a b", status: "completed" }) },
      "superseded",
    ],
    [
      "a finished session that is resumed",
      { [STATUS]: over, "/runs": runs({ session_id: "a b", status: "claimed" }) },
      "send",
    ],
    [
      "a finished session, another's run",
      { [STATUS]: over, "/runs": runs({ session_id: "b", status: "running" }) },
      "superseded",
    ],
    ["runs of a strange form", { [STATUS]: over, "/runs": runs(null, 3, "x", {}) }, "superseded"],
    ["nobody answers", {}, "undecided"],
    ["no status", { [STATUS]: answer(200, {}) }, "undecided"],
    ["a web page", { [STATUS]: answer(200, "<html>") }, "undecided"],
    ["an error", { [STATUS]: answer(500, { status: "finished" }) }, "undecided"],
    ["half an answer", { [STATUS]: answer(200, { status: "finished" }, true) }, "undecided"],
    ["runs that cannot be read", { [STATUS]: over, "/runs": answer(200, []) }, "undecided"],
  ])("%s", async (_, answers, kind) => {
    expect(await judge(answers)).toBe(kind);
  });
});
