/** One problem of a request, in the words and the form of the coordinator's framework (FastAPI with pydantic). */
export type Problem = {
  type: string;
  loc: (string | number)[];
  msg: string;
  input: unknown;
  ctx?: { error: string };
};

export type JsonObject = Record<string, unknown>;
export type Checked = { ok: true; value: JsonObject } | { ok: false; problems: Problem[] };

/** What a field of a body must be. `string` and the others allow null unless the field is required. */
export type Field = {
  name: string;
  type: "string" | "object" | "list" | "integer" | "any";
  required?: true;
};

const TYPE_PROBLEM = {
  string: { type: "string_type", msg: "Input should be a valid string" },
  object: { type: "dict_type", msg: "Input should be a valid dictionary" },
  list: { type: "list_type", msg: "Input should be a valid list" },
  integer: { type: "int_type", msg: "Input should be a valid integer" },
  any: { type: "", msg: "" },
} as const;

/**
 * Reads a request body as the framework does: no body is a missing one, a body of another media type than JSON is taken as text, and
 * only a JSON object passes.
 */
export function readBody(text: string, contentType: string | undefined): Checked {
  if (text === "") return bad({ type: "missing", loc: ["body"], msg: "Field required", input: null });
  if (contentType !== undefined && !isJsonType(contentType)) return notAnObject(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return bad(invalidJson(text, error));
  }
  return isObject(value) ? { ok: true, value } : notAnObject(value);
}

const NONE: Problem[] = [];

/** Checks an object against the fields of a model, in the model's order. Unknown fields are not looked at. */
export function checkFields(body: JsonObject, fields: readonly Field[]): Problem[] {
  let problems: Problem[] | undefined;
  for (const field of fields) {
    const value = body[field.name];
    const problem = fieldProblem(field, value, body);
    if (problem !== undefined) (problems ??= []).push(problem);
  }
  return problems ?? NONE;
}

function fieldProblem(field: Field, value: unknown, body: JsonObject): Problem | undefined {
  if (value === undefined) {
    return field.required
      ? { type: "missing", loc: ["body", field.name], msg: "Field required", input: body }
      : undefined;
  }
  if ((value === null && !field.required) || fits(field.type, value)) return undefined;
  return { ...TYPE_PROBLEM[field.type], loc: ["body", field.name], input: value };
}

function fits(type: Field["type"], value: unknown): boolean {
  switch (type) {
    case "string":
      return typeof value === "string";
    case "object":
      return isObject(value);
    case "list":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "any":
      return true;
  }
}

/** The answer to a request without a query parameter that it needs. */
export function missingQuery(name: string): Problem {
  return { type: "missing", loc: ["query", name], msg: "Field required", input: null };
}

/** A field that is a text, else undefined. */
export function textOf(body: JsonObject, name: string): string | undefined {
  const value = body[name];
  return typeof value === "string" ? value : undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isJsonType(contentType: string): boolean {
  if (contentType === "application/json") return true;
  return /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType);
}

/** The place is where the parser stopped: exact for a text that ends too early, near for others. */
function invalidJson(text: string, error: unknown): Problem {
  const message = error instanceof Error ? error.message : "";
  const at = /at position (\d+)/.exec(message);
  return {
    type: "json_invalid",
    loc: ["body", at ? Number(at[1]) : text.length],
    msg: "JSON decode error",
    input: {},
    ctx: { error: message.startsWith("Unterminated string") ? "Unterminated string" : "Expecting value" },
  };
}

function notAnObject(input: unknown): Checked {
  return bad({
    type: "model_attributes_type",
    loc: ["body"],
    msg: "Input should be a valid dictionary or object to extract fields from",
    input,
  });
}

function bad(problem: Problem): Checked {
  return { ok: false, problems: [problem] };
}
