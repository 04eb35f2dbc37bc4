import { isObject } from "./loose.ts";

/** A JSON Pointer (RFC 6901). */
const POINTER = /^(?:\/(?:[^/~]|~[01])*)*$/;

/** Has it the form of a JSON Patch (RFC 6902)? A client fails a whole stream at one that has not. Pure. */
export function isPatch(value: unknown): value is unknown[] {
  return Array.isArray(value) && value.every(isOperation);
}

function isOperation(it: unknown): boolean {
  if (!isObject(it) || !isPointer(it["path"])) return false;
  switch (it["op"]) {
    case "add":
    case "replace":
    case "test":
      return it["value"] !== undefined;
    case "move":
    case "copy":
      return isPointer(it["from"]);
    default:
      return it["op"] === "remove";
  }
}

function isPointer(value: unknown): boolean {
  return typeof value === "string" && POINTER.test(value);
}
