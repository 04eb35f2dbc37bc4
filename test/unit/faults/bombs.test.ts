import { expect, test } from "vitest";
import { bombOf } from "../../faults/bombs.ts";
import { seededRandom } from "../../faults/random.ts";

test("a seed repeats the bombs; they are of every route, size and shape, and never beyond what is taken", () => {
  const [one, other] = [seededRandom(3), seededRandom(3)];
  const bombs = Array.from({ length: 3000 }, () => bombOf(one, 10));
  expect(bombs.slice(0, 50)).toEqual(Array.from({ length: 50 }, () => bombOf(other, 10)));
  expect(
    new Set(bombs.map(({ method, path }) => `${method} ${path.split(/[/?]/, 3).join("/")}`)).size,
  ).toBeGreaterThan(8);
  const sizes = bombs.map(({ body }) => body.length).sort((a, b) => a - b);
  expect(sizes[1500]).toBeLessThan(4096);
  expect(sizes.at(-10)).toBeGreaterThan(16 * 1024);
  expect(sizes.at(-1)).toBeLessThan(4 * 1024 * 1024 + 1024);
  const valid = bombs.filter(({ body }) => {
    try {
      return body.length > 0 && typeof JSON.parse(body.toString()) === "object";
    } catch {
      return false;
    }
  });
  expect(valid.length).toBeGreaterThan(1000);
  expect(valid.length).toBeLessThan(2500);
});
