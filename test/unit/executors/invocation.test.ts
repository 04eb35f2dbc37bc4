import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LINE, readInvocation } from "../../../src/executors/invocation.ts";

const WHOLE = {
  schema_version: "2.2",
  mode: "start",
  session_id: "ses_1",
  parameters: { prompt: "hi" },
};

const read = (of: unknown) => readInvocation(Buffer.from(JSON.stringify(of)));

describe("what is wrong is said in the words of the original executors", () => {
  test.each<[string, string | Buffer, string]>([
    ["nothing", "", "No input received on stdin"],
    ["blanks", " \t\r", "No input received on stdin"],
    ["no JSON", "{no", "Invalid JSON: syntax at byte 1"],
    ["a JSON that breaks off", '{"a":', "Invalid JSON: it ends too early at byte 5"],
    ["a list", "[]", "Invalid JSON: an object is expected"],
    ["not UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), "Invalid JSON: not UTF-8 at byte 0"],
    ["no version", JSON.stringify({ mode: "start" }), "Missing required field: schema_version"],
    ["no mode", JSON.stringify({ schema_version: "2.2" }), "Missing required field: mode"],
    [
      "no session",
      JSON.stringify({ schema_version: "2.2", mode: "start" }),
      "Missing required field: session_id",
    ],
    [
      "no parameters",
      JSON.stringify({ ...WHOLE, parameters: undefined }),
      "Missing required field: parameters",
    ],
    [
      "an old version",
      JSON.stringify({ ...WHOLE, schema_version: "2.1" }),
      "Unsupported schema version: 2.1. Supported: 2.2",
    ],
    [
      "a number as version",
      JSON.stringify({ ...WHOLE, schema_version: 2.2 }),
      "Unsupported schema version: 2.2. Supported: 2.2",
    ],
    [
      "another mode",
      JSON.stringify({ ...WHOLE, mode: "stop" }),
      "Invalid mode: stop. Must be 'start' or 'resume'",
    ],
    ["an empty session", JSON.stringify({ ...WHOLE, session_id: "" }), "session_id must be a text"],
    ["a list of parameters", JSON.stringify({ ...WHOLE, parameters: [] }), "parameters must be an object"],
    ["a number as folder", JSON.stringify({ ...WHOLE, project_dir: 1 }), "project_dir must be a text"],
    [
      "a text as blueprint",
      JSON.stringify({ ...WHOLE, agent_blueprint: "x" }),
      "agent_blueprint must be an object",
    ],
    [
      "a list as config",
      JSON.stringify({ ...WHOLE, executor_config: [] }),
      "executor_config must be an object",
    ],
    [
      "a number as system prompt",
      JSON.stringify({ ...WHOLE, agent_blueprint: { system_prompt: 1 } }),
      "agent_blueprint.system_prompt must be a text",
    ],
    [
      "a list of servers",
      JSON.stringify({ ...WHOLE, agent_blueprint: { mcp_servers: [] } }),
      "agent_blueprint.mcp_servers must be an object",
    ],
    [
      "a text as schema",
      JSON.stringify({ ...WHOLE, agent_blueprint: { output_schema: "x" } }),
      "agent_blueprint.output_schema must be an object",
    ],
  ])("%s", (_, line, problem) => {
    expect(readInvocation(Buffer.from(line))).toEqual({ ok: false, problem });
  });

  test("a line that is too long", () => {
    const line = Buffer.from(JSON.stringify({ ...WHOLE, parameters: { prompt: "x".repeat(LINE.bytes) } }));
    expect(readInvocation(line)).toEqual({
      ok: false,
      problem: `Invalid JSON: more than ${LINE.bytes} bytes`,
    });
  });

  test("a JSON that is nested too deeply", () => {
    const nested = `${"[".repeat(100)}${"]".repeat(100)}`;
    const line = JSON.stringify(WHOLE).replace('"hi"', nested);
    expect(readInvocation(Buffer.from(line))).toMatchObject({ ok: false });
  });
});

test("all of an invocation is read", () => {
  const blueprint = {
    name: "a",
    system_prompt: "Be brief.",
    mcp_servers: { tools: { url: "http://t", config: { k: "v" } } },
    parameters_schema: { type: "object" },
    output_schema: { type: "object" },
  };
  const of = {
    ...WHOLE,
    project_dir: "/p",
    agent_name: "a",
    agent_blueprint: blueprint,
    executor_config: { model: "opus" },
  };
  expect(read(of)).toEqual({
    ok: true,
    warnings: [],
    invocation: {
      mode: "start",
      sessionId: "ses_1",
      parameters: { prompt: "hi" },
      projectDir: "/p",
      blueprint: {
        systemPrompt: "Be brief.",
        mcpServers: { tools: { url: "http://t", config: { k: "v" } } },
        hasInputs: true,
        outputSchema: { type: "object" },
      },
      config: { model: "opus" },
    },
  });
});

test("what may be missing may be null as well", () => {
  const nulls = {
    project_dir: null,
    agent_name: null,
    agent_blueprint: null,
    executor_config: null,
    metadata: null,
  };
  expect(read({ ...WHOLE, ...nulls })).toEqual(read(WHOLE));
});

test("names that are not known, and a folder to resume in, are passed over with a warning", () => {
  expect(read({ ...WHOLE, mode: "resume", project_dir: "/p", later: 1 })).toMatchObject({
    ok: true,
    invocation: { projectDir: undefined },
    warnings: ["Field 'project_dir' ignored in resume mode", "Unknown field later ignored"],
  });
});

test("any bytes are read or refused, and nothing is thrown", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.json().map((it) => Buffer.from(it)),
      ),
      (line) => {
        expect(readInvocation(line).ok).toBeTypeOf("boolean");
      },
    ),
  );
});
