import { expect, test } from "vitest";
import { ask } from "../../../../src/relay/coordinator/ask.ts";
import type { CoordinatorRequest } from "../../../../src/relay/coordinator/client.ts";
import type { AttemptResult } from "../../../../src/relay/coordinator/verdict.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const WELL: AttemptResult = {
  kind: "response",
  status: 200,
  headers: {},
  body: Buffer.alloc(0),
  broken: false,
};
const failed = (cause: "closed" | "reset"): AttemptResult => ({ kind: "failed", cause, text: "why" });

/** What a question comes to when the coordinator answers `results` one after the other, and how often it was asked. */
async function asked(
  ...results: AttemptResult[]
): Promise<{ result: AttemptResult; sent: (boolean | undefined)[] }> {
  const sent: CoordinatorRequest[] = [];
  const coordinator = {
    send(request: CoordinatorRequest) {
      sent.push(request);
      return { result: Promise.resolve(results[sent.length - 1] ?? WELL), abort() {} };
    },
    close: () => Promise.resolve(),
  };
  const result = await ask({ coordinator, clock: createFakeClock() }, "/health", {});
  return { result, sent: sent.map(({ fresh }) => fresh) };
}

test.each<[string, AttemptResult[], AttemptResult, boolean[]]>([
  ["an answer", [WELL], WELL, [false]],
  ["a kept connection that was closed as it was used", [failed("closed"), WELL], WELL, [false, true]],
  [
    "one that is closed whenever it is used",
    [failed("closed"), failed("closed")],
    failed("closed"),
    [false, true],
  ],
  ["any other failure", [failed("reset"), WELL], failed("reset"), [false]],
])("%s", async (_, results, result, sent) => {
  expect(await asked(...results)).toEqual({ result, sent });
});
