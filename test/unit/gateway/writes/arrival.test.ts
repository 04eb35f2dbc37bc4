import { describe, expect, test } from "vitest";
import { bodyForm } from "../../../../src/shared/http/media-type.ts";

describe("the form of a body", () => {
  test.each([
    [undefined, "application/json"],
    ["application/json", "application/json"],
    ["Application/JSON; charset=UTF-8", "application/json"],
    ["application/vnd.x+json", "application/vnd.x+json"],
  ])("%s is taken", (type, short) => expect(bodyForm(type, undefined)).toEqual({ ok: true, type: short }));

  test.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/json; charset=latin1",
    "json",
    "application/msgpack",
  ])("%s is not", (type) => expect(bodyForm(type, undefined).ok).toBe(false));

  test("nor is anything compressed", () => {
    expect(bodyForm("application/json", "gzip").ok).toBe(false);
    expect(bodyForm("application/json", "identity").ok).toBe(true);
  });
});
