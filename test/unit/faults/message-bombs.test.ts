import { expect, test } from "vitest";
import { decodeEnvelope } from "../../../src/shared/log/schema/envelope.ts";
import { messageBombOf } from "../../faults/message-bombs.ts";
import { seededRandom } from "../../faults/random.ts";

test("a seed repeats the bombs; they are of every kind and size, and unreadable where they say so", () => {
  const [one, other] = [seededRandom(5), seededRandom(5)];
  const bombs = Array.from({ length: 3000 }, () => messageBombOf(one, 10));
  expect(bombs.slice(0, 100)).toEqual(Array.from({ length: 100 }, () => messageBombOf(other, 10)));
  expect(new Set(bombs.map(({ kind }) => kind))).toEqual(new Set(["event", "question", "flood"]));
  const sizes: number[] = [];
  for (const bomb of bombs) {
    if (bomb.kind !== "event") continue;
    sizes.push(bomb.payload.length);
    if (bomb.unreadable) expect(() => decodeEnvelope(bomb.payload)).toThrow(/envelope|payload/);
    else expect(decodeEnvelope(bomb.payload).session).toBe(bomb.session);
  }
  sizes.sort((a, b) => a - b);
  expect(sizes[sizes.length >> 1]).toBeLessThan(4096);
  expect(sizes.at(-1)).toBeGreaterThan(32 * 1024);
  expect(sizes.at(-1)).toBeLessThan(8 * 1024 * 1024);
});
