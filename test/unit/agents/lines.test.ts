import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readLines } from "../../../src/agents/lines.ts";

async function linesOf(chunks: readonly Uint8Array[], most?: number): Promise<string[]> {
  const lines: string[] = [];
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield* chunks;
  }
  for await (const line of readLines(bytes(), most)) lines.push(line.toString("utf8"));
  return lines;
}

test("lines are the same, however their bytes are cut", async () => {
  const line = fc.string().filter((it) => !it.includes("\n"));
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.array(fc.nat({ max: 200 })), async (lines, cuts) => {
      const bytes = Buffer.from(lines.map((it) => `${it}\n`).join(""));
      const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
      expect(await linesOf(chunks)).toEqual(lines);
    }),
  );
});

test("a last line without an end counts; one that is too long ends all", async () => {
  expect(await linesOf([Buffer.from("a\nb")])).toEqual(["a", "b"]);
  const parts = Array.from({ length: 11 }, () => Buffer.from("x"));
  await expect(linesOf(parts, 10)).rejects.toThrow("more than 10 bytes");
});

test("a long line in many pieces takes time in proportion to its bytes", async () => {
  const part = Buffer.from("x".repeat(8192));
  const parts = Array.from({ length: 4096 }, () => part); // 32 MiB: to copy all of them for each piece would be 64 GiB
  const [line] = await linesOf([...parts, Buffer.from("\n")], 64 * 1024 * 1024);
  expect(line).toHaveLength(32 * 1024 * 1024);
});
