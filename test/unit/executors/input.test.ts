import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { readInput, type Input } from "../../../src/executors/input.ts";
import { createFakeClock, promises } from "../../support/fake-clock.ts";

const TURN = '{"type":"turn","parameters":{"prompt":"x"}}\n';
const SHUTDOWN = '{"type":"shutdown"}\n';
const NEXT = { kind: "turn", parameters: { prompt: "x" } };

function opened(): {
  input: Input;
  stdin: PassThrough;
  warned: string[];
  clock: ReturnType<typeof createFakeClock>;
} {
  const stdin = new PassThrough();
  const warned: string[] = [];
  const clock = createFakeClock();
  return { stdin, warned, clock, input: readInput(stdin, { clock, warn: (text) => void warned.push(text) }) };
}

test("the first line, then turns as they come, then the end", async () => {
  const { input, stdin, warned } = opened();
  stdin.write(`{"a":1}\n${TURN}`);
  expect(Buffer.from(await input.first).toString()).toBe('{"a":1}');
  expect(await input.next()).toEqual(NEXT);
  stdin.write(`nonsense\n${TURN}`);
  expect(await input.next()).toEqual(NEXT);
  expect(warned).toEqual([expect.stringContaining("invalid JSON on stdin")]);
  expect(input.ended()).toBe(false);
  stdin.end();
  expect(await input.next()).toEqual({ kind: "end" });
  expect([input.ended(), input.shutdown.aborted]).toEqual([true, false]);
});

test("nothing at all is an empty first line", async () => {
  const { input, stdin } = opened();
  stdin.end();
  expect((await input.first).length).toBe(0);
  expect(await input.next()).toEqual({ kind: "end" });
});

test("a shutdown is heard while a turn runs, if stdin stays open behind it", async () => {
  const { input, stdin, clock } = opened();
  stdin.write(`{}\n${SHUTDOWN}`);
  await input.first;
  await promises();
  await clock.pass(249);
  expect(input.shutdown.aborted).toBe(false);
  await clock.pass(1);
  expect(input.shutdown.aborted).toBe(true);
});

test("a shutdown that a script wrote in advance stands behind its turns", async () => {
  const { input, stdin, clock } = opened();
  stdin.end(`{}\n${TURN}${TURN}${SHUTDOWN}`);
  await input.first;
  await promises();
  await clock.pass(1000);
  expect(input.shutdown.aborted).toBe(false);
  expect([await input.next(), await input.next(), await input.next()]).toEqual([NEXT, NEXT, { kind: "end" }]);
});

test("turns that nobody takes are not read without end, and none is lost", async () => {
  const { input, stdin } = opened();
  stdin.end(`{}\n${TURN.repeat(1000)}`);
  await promises();
  expect(input.ended()).toBe(false);
  for (let i = 0; i < 1000; i++) expect(await input.next()).toEqual(NEXT);
  expect(await input.next()).toEqual({ kind: "end" });
});
