import { describe, expect, test } from "vitest";
import { BIND_FIELDS, EVENT_FIELDS } from "../../../src/standin/models.ts";
import { checkFields, readBody } from "../../../src/standin/validation.ts";

const EVENT = { event_type: "message", session_id: "s", timestamp: "t" };

describe("a body is read as the coordinator's framework reads it", () => {
  test.each([
    ["no body", "", "application/json", { type: "missing", loc: ["body"] }],
    ["broken off", '{"broken":', "application/json", { type: "json_invalid", loc: ["body", 10] }],
    ["a list", "[1]", "application/json", { type: "model_attributes_type", loc: ["body"], input: [1] }],
    ["null", "null", "application/json", { type: "model_attributes_type", input: null }],
    [
      "a form",
      '{"a":1}',
      "application/x-www-form-urlencoded",
      { type: "model_attributes_type", input: '{"a":1}' },
    ],
  ])("%s", (_, text, type, problem) => {
    expect(readBody(text, type)).toMatchObject({ ok: false, problems: [problem] });
  });

  test.each(["application/json", "application/json; charset=utf-8", "application/problem+json", undefined])(
    "an object sent as %s",
    (type) => {
      expect(readBody('{"a":1}', type)).toEqual({ ok: true, value: { a: 1 } });
    },
  );
});

describe("fields", () => {
  test("what is missing is listed in the model's order, with the whole body as input", () => {
    const body = { executor_session_id: "x", executor_type: "old name" };
    expect(checkFields(body, BIND_FIELDS)).toEqual([
      { type: "missing", loc: ["body", "hostname"], msg: "Field required", input: body },
      { type: "missing", loc: ["body", "executor_profile"], msg: "Field required", input: body },
    ]);
  });

  test.each([
    ["tool_input", [1], "dict_type"],
    ["result_data", "text", "dict_type"],
    ["error", { code: 1 }, "string_type"],
    ["content", "text", "list_type"],
    ["exit_code", "one", "int_type"],
    ["event_type", null, "string_type"],
  ])("%s as %j is a %s", (name, value, type) => {
    expect(checkFields({ ...EVENT, [name]: value }, EVENT_FIELDS)).toMatchObject([
      { type, loc: ["body", name], input: value },
    ]);
  });

  test("optional fields may be null or missing, unknown ones are not looked at, tool_output may be anything", () => {
    const body = { ...EVENT, error: null, unknown: 1, tool_output: [1, "x"] };
    expect(checkFields(body, EVENT_FIELDS)).toEqual([]);
  });
});
