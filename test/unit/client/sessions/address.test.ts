import { expect, test } from "vitest";
import { baseOf, queryOf, sessionPath } from "../../../../src/client/sessions/address.ts";

test.each([
  ["http://127.0.0.1:8002", "http://127.0.0.1:8002/"],
  ["https://host/agents", "https://host/agents/"],
  ["https://host/agents/", "https://host/agents/"],
])("the server at %s", (url, base) => {
  expect(baseOf(url)).toBe(base);
});

test.each([
  "",
  "127.0.0.1:8002",
  "ftp://host",
  "http://me:secret@host",
  "http://host/?key=1",
  "http://host/#x",
])("no URL of a server: %s", (url) => {
  expect(() => baseOf(url)).toThrow(expect.objectContaining({ code: "url_invalid" }));
  expect(() => baseOf(url)).not.toThrow(/secret/);
});

test("ids are one part of a path, whatever is in them", () => {
  expect(sessionPath("a b?", ["turns", "é#"])).toBe("sessions/a%20b%3F/turns/%C3%A9%23");
  expect(sessionPath({ session_id: "a", user_id: "ann" }, [], { after: 5 })).toBe(
    "sessions/a?after=5&user_id=ann",
  );
});

test.each(["", ".", "..", "a/b", "a\\b", "\ud800", "x".repeat(257)])("no id: %j", (id) => {
  expect(() => sessionPath(id)).toThrow(expect.objectContaining({ code: "id_invalid" }));
  expect(() => sessionPath("s", ["turns", id])).toThrow(expect.objectContaining({ code: "id_invalid" }));
});

test("a query has what is given", () => {
  expect(queryOf({ user_id: "a&b", after: undefined, limit: 5 })).toBe("?user_id=a%26b&limit=5");
  expect(queryOf({ after: undefined })).toBe("");
});
