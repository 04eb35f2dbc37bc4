import { expect, test } from "vitest";
import { clarified } from "../../../../src/relay/coordinator/clarify.ts";
import type { AttemptResult, Verdict } from "../../../../src/relay/coordinator/verdict.ts";

const UNCLEAR: Verdict = { kind: "retry", reason: "why", connection: false, failure: true, unclear: true };

const answer = (status: number, body: string) => (): Promise<AttemptResult> =>
  Promise.resolve({ kind: "response", status, headers: {}, body: Buffer.from(body), broken: false });

test.each<[string, () => Promise<AttemptResult>, string]>([
  ["is well", answer(200, '{"status":"healthy"}'), "delivered"],
  ["does not know the question, in JSON", answer(404, '{"detail":"Not Found"}'), "delivered"],
  ["says the same to every question", answer(200, "OK"), "pause"],
  ["is a page", answer(200, "<html>"), "pause"],
  ["fails", answer(503, "busy"), "retry"],
  ["is gone", () => Promise.resolve({ kind: "failed", cause: "reset", text: "why" }), "retry"],
])("SETTLE-1: a success in words of an address that %s", async (_, health, kind) => {
  expect(await clarified(UNCLEAR, health)).toMatchObject({ kind });
});

test("a clear verdict needs no question", async () => {
  const never = (): Promise<AttemptResult> => Promise.reject(new Error("asked"));
  const { unclear: _, ...clear } = UNCLEAR;
  for (const verdict of [{ kind: "delivered" }, clear] satisfies Verdict[])
    expect(await clarified(verdict, never)).toBe(verdict);
});
