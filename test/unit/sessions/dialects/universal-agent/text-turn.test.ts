import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  isRepeat,
  newestOf,
  REPEAT_MS,
  textTurnId,
} from "../../../../../src/sessions/dialects/universal-agent/text-turn.ts";

const request = { user_input: "continue", force_complex: false, metadata: {} };

test("the same text has the same id, another text or another force has another", () => {
  expect(textTurnId(request, 1)).toBe(textTurnId({ ...request, metadata: { other: 1 } }, 1));
  const others = [
    textTurnId({ ...request, user_input: "yes" }, 1),
    textTurnId({ ...request, force_complex: true }, 1),
    textTurnId(request, 2),
  ];
  expect(new Set([textTurnId(request, 1), ...others]).size).toBe(4);
});

test.each([
  [{ kind: "unknown" } as const, false],
  [{ kind: "open" } as const, true],
  [{ kind: "ended", outcome: "finished", at: 0 } as const, true],
  [{ kind: "ended", outcome: "failed", at: 0 } as const, false],
  [{ kind: "ended", outcome: "cancelled", at: 0 } as const, false],
  [{ kind: "ended", outcome: "finished", at: -1 } as const, false],
])("%j is a repeat: %s", (standing, repeat) => {
  expect(isRepeat(standing, REPEAT_MS)).toBe(repeat);
});

test("the newest turn of a text is found in few steps", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 5000 }), async (newest) => {
      let asked = 0;
      const found = await newestOf((n) => {
        asked++;
        return Promise.resolve(n <= newest);
      });
      expect(found).toBe(newest);
      expect(asked).toBeLessThanOrEqual(2 * Math.log2(newest + 2) + 2);
    }),
  );
});
