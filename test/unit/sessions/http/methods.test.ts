import { fastify } from "fastify";
import { expect, test } from "vitest";
import { followMethods, patternOf } from "../../../../src/sessions/http/methods.ts";

test("the methods of a path are those of all routes that it fits", () => {
  const app = fastify();
  const methods = followMethods(app);
  app.get("/sessions/:id", async () => 1);
  app.delete("/sessions/:id", async () => 1);
  app.post("/sessions", async () => 1);
  expect(methods.of("/sessions/a.b%2Fc")).toEqual(["DELETE", "GET", "HEAD"]);
  expect(methods.of("/sessions")).toEqual(["POST"]);
  expect(methods.of("/sessions/a/b")).toEqual([]);
});

test.each([
  ["/openapi.json", "/openapi.json", true],
  ["/openapi.json", "/openapixjson", false],
  ["/a/:b/c", "/a/x/c", true],
  ["/a/:b/c", "/a//c", false],
  ["/", "/", true],
])("%s stands for %s: %s", (url, path, fits) => expect(patternOf(url).test(path)).toBe(fits));
