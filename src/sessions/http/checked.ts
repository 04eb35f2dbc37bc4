import type { FastifyRequest } from "fastify";
import type { Static } from "typebox";
import { Compile, type Validator } from "typebox/schema";
import { codedError } from "../../shared/base/errors.ts";
import { isRefusal, type Refusal } from "../access/caller.ts";
import { bodyOf } from "./bodies.ts";

/** A JSON Schema of an object. */
export type Schema = { readonly type: "object"; readonly properties: object };

/** Compiled at first use: a process that is asked little pays for little. */
const validators = new WeakMap<Schema, Validator>();

/** The body of a request, which has the form of `schema`. Throws `body_required`, `field_missing` and `field_invalid`. */
export function checkedBody<T extends Schema>(
  request: FastifyRequest,
  schema: T,
): { bytes: Uint8Array; value: Static<T> } {
  const body = bodyOf(request);
  if (body === undefined) throw codedError("body_required", "this needs a JSON object as its body");
  return { bytes: body.bytes, value: checked(schema, body.value) };
}

/** `value`, which has the form of `schema`. */
export function checked<T extends Schema>(schema: T, value: unknown): Static<T> {
  let validator = validators.get(schema);
  if (validator === undefined) validators.set(schema, (validator = Compile(schema)));
  if (validator.Check(value)) return value as Static<T>;
  const [, [first]] = validator.Errors(value);
  const place = first?.instancePath.slice(1).replaceAll("/", ".") ?? "";
  if (first?.keyword === "required") {
    const names = first.params.requiredProperties;
    throw codedError("field_missing", `${[place, names[0]].filter(Boolean).join(".")} is missing`);
  }
  throw codedError(
    "field_invalid",
    `${place === "" ? "the body" : place}: ${first?.message ?? "wrong form"}`,
  );
}

/** What was asked for. Throws the refusal, which the protocol's error handler puts into its form. */
export function granted<T extends object>(outcome: T | Refusal): T {
  if (isRefusal(outcome)) throw codedError(outcome.code, outcome.detail);
  return outcome;
}
