import { expect, test } from "vitest";
import { OK } from "../../../src/standin/call.ts";
import { createRouter } from "../../../src/standin/router.ts";

const handle = () => OK;
const route = createRouter([
  { method: "GET", path: "/sessions/{id}", handle },
  { method: "DELETE", path: "/sessions/{id}", handle },
  { method: "POST", path: "/sessions/{id}/events", handle },
]);

test.each([
  ["GET", "/sessions/s1", { kind: "found", params: ["s1"] }],
  ["POST", "/sessions/a%20b%25/events", { kind: "found", params: ["a b%"] }],
  ["POST", "/sessions/%zz/events", { kind: "found", params: ["%zz"] }],
  ["PUT", "/sessions/s1", { kind: "method", allow: "GET" }],
  ["POST", "/sessions/s1/events/", { kind: "slash", path: "/sessions/s1/events" }],
  ["GET", "/sessions/", { kind: "none" }],
  ["GET", "/sessions/s1/other", { kind: "none" }],
  ["GET", "/", { kind: "none" }],
])("%s %s", (method, path, match) => {
  expect(route(method, path)).toMatchObject(match);
});
