import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { targetOf } from "../../../../src/relay/coordinator/target.ts";
import { sessionIdProblem } from "../../../../src/shared/log/schema/session-id.ts";
import { KINDS } from "../../../../src/shared/log/schema/subjects.ts";
import { envelope } from "./samples.ts";

describe("where an event goes", () => {
  test("each kind has its route", () => {
    expect(targetOf(envelope({ kind: "bind" }))).toEqual({ method: "POST", path: "/sessions/s/bind" });
    expect(targetOf(envelope({ kind: "event" }))).toEqual({ method: "POST", path: "/sessions/s/events" });
    expect(targetOf(envelope({ kind: "metadata" }))).toEqual({
      method: "PATCH",
      path: "/sessions/s/metadata",
    });
    expect(targetOf(envelope({ kind: "run" }))).toEqual({
      method: "POST",
      path: "/runner/sessions/s/status",
    });
    const run = { id: "r 1", report: "completed" };
    expect(targetOf(envelope({ kind: "run", run }))).toEqual({
      method: "POST",
      path: "/runner/runs/r%201/completed",
    });
  });

  test("no accepted id leads to another route", () => {
    const hostile = fc.oneof(
      fc.string({ minLength: 1, maxLength: 30 }),
      fc.constantFrom(
        "..",
        ".",
        "a/../../runs",
        "%2e%2e",
        "a?b",
        "a#b",
        "..%2f..",
        "a\\..\\b",
        "é",
        "a b",
        "%",
        "//evil",
      ),
    );
    fc.assert(
      fc.property(hostile, hostile, fc.constantFrom(...KINDS), (session, run, kind) => {
        fc.pre(sessionIdProblem(session) === undefined && sessionIdProblem(run) === undefined);
        const { path } = targetOf(envelope({ kind, session, run: { id: run, report: "started" } }));
        expect(new URL(path, "http://c").pathname).toBe(path);
        const [, ...parts] = path.split("/");
        expect(parts).toHaveLength(kind === "run" ? 4 : 3);
        expect(decodeURIComponent(parts.at(-2) ?? "")).toBe(kind === "run" ? run : session);
      }),
    );
  });
});
