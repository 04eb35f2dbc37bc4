import { expect, test } from "vitest";
import { isOver, wholeRun, wholeRunOf } from "../../../../src/gateway/runner/whole-run.ts";

const plain = { run_id: "r", type: "start_session", session_id: "s", agent_name: null, parameters: { n: 1 } };
const ofAgent = { ...plain, agent_name: "coder" };
const coder = { name: "coder", type: "autonomous", system_prompt: "Be ${runner.kind}." };
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const shown = (body: Buffer | undefined): unknown =>
  body === undefined ? undefined : (JSON.parse(body.toString()) as unknown);

test("a run without an agent is answered byte for byte", () => {
  const text = '{ "run_id": "r",  "n": 12345678901234567890, "agent_name": null }';
  expect(wholeRun(Buffer.from(text))).toEqual({ kind: "whole", answer: Buffer.from(`{"run":${text}}`) });
  expect(wholeRun(bytes(ofAgent))).toEqual({ kind: "needs_agent" });
});

test.each([
  ["without placeholders and tools", coder, { ...ofAgent, resolved_agent_blueprint: coder }],
  [
    "with no tools",
    { ...coder, mcp_servers: {} },
    { ...ofAgent, resolved_agent_blueprint: { ...coder, mcp_servers: {} } },
  ],
  ["of a script", { name: "coder", type: "procedural", script: "${scope.x}" }, ofAgent],
])("a run of an agent %s is made whole", (_, agent, run) => {
  const whole = wholeRunOf(bytes(ofAgent), bytes(agent));
  expect(whole.kind).toBe("whole");
  expect(shown("answer" in whole ? whole.answer : undefined)).toEqual({ run });
});

test.each([
  ["with tools", { ...coder, mcp_servers: { a: { ref: "x" } } }],
  ["with a placeholder", { ...coder, system_prompt: "${scope.tenant}" }],
  ["with a placeholder in disguise", JSON.parse(JSON.stringify(coder)) as object, '"Be \\u0024{scope.x}"'],
  ["that is no agent", { detail: "x" }],
  ["that is gone", undefined],
])("a run of an agent %s is not", (_, agent, prompt?: string) => {
  const text =
    agent === undefined ? undefined : JSON.stringify(agent).replace('"Be ${runner.kind}."', prompt ?? "$&");
  expect(wholeRunOf(bytes(ofAgent), text === undefined ? undefined : Buffer.from(text)).kind).toBe(
    "incomplete",
  );
});

test("a resumed session, and a run that brings its blueprint, are given as they are", () => {
  for (const run of [
    { ...ofAgent, type: "resume_session" },
    { ...ofAgent, resolved_agent_blueprint: { name: "x" } },
    { ...ofAgent, resolved_agent_blueprint: null },
  ]) {
    const whole = wholeRunOf(bytes(run), undefined);
    expect(whole).toEqual({ kind: "whole", answer: Buffer.from(`{"run":${JSON.stringify(run)}}`) });
  }
});

test("a start hook holds a run of its agent, whole or not", () => {
  const hooks = { on_run_start: { type: "agent", agent_name: "guard" } };
  expect(wholeRunOf(bytes(ofAgent), bytes({ ...coder, hooks })).kind).toBe("hooked");
  expect(wholeRunOf(bytes(ofAgent), bytes({ ...coder, mcp_servers: { a: {} }, hooks }))).toEqual({
    kind: "hooked",
    answer: undefined,
  });
  expect(wholeRunOf(bytes(ofAgent), bytes({ ...coder, hooks: { on_run_start: null } })).kind).toBe("whole");
});

test.each([
  ['{"status":"failed"}', true],
  ['{"status":"not_existent"}', true],
  ['{"status":"pending"}', false],
  ['{"status":"idle"}', false],
  ['{"status":null}', false],
  ["[]", false],
])("is a session over: %s", (text, over) => {
  expect(isOver(Buffer.from(text))).toBe(over);
});
