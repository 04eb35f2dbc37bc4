import { describe, expect, test } from "vitest";
import { type Secret } from "../../../../src/shared/credentials/secret.ts";
import { REFUSED, tokens } from "./scripted-issuer.ts";
import { S, bench, tokenOf } from "./oidc-bench.ts";

describe("the client secret", () => {
  function rotating(): { secret: Secret; rotate: (value: string) => void; reads: () => number } {
    let value = "old-secret";
    let reads = 0;
    return {
      secret: {
        rotates: true,
        read: () => {
          reads += 1;
          return Promise.resolve({ value });
        },
      },
      rotate: (next) => {
        value = next;
      },
      reads: () => reads,
    };
  }

  test("is read again for every token request", async () => {
    const { secret, rotate } = rotating();
    const { credentials, issuer, clock } = bench({ answer: tokens(300 * S), secret });
    await credentials.headers();
    rotate("new-secret");
    await clock.pass(240 * S);
    expect(issuer.calls).toEqual(["old-secret", "new-secret"]);
  });

  test("when it is refused its file is watched: a rotation need not wait for the back-off", async () => {
    const { secret, rotate } = rotating();
    const { credentials, issuer, clock } = bench({ answer: () => REFUSED, secret });
    expect(await credentials.headers()).toMatchObject({ kind: "unavailable", code: "credentials_invalid" });
    await clock.pass(180 * S);
    const before = issuer.calls.length;
    expect(before).toBeLessThan(20); // at most every 15 s in the end, or a careful issuer locks the client
    issuer.answer(tokens(300 * S));
    rotate("new-secret");
    await clock.pass(1 * S);
    expect(issuer.calls).toHaveLength(before + 1);
    expect(issuer.calls.at(-1)).toBe("new-secret");
    expect(tokenOf(credentials.current())).toBe("Bearer token-1");
  });

  test("a broken file is part of the reason", async () => {
    const secret: Secret = {
      rotates: true,
      read: () => Promise.resolve({ value: "old-secret", problem: "the secret file x is empty" }),
    };
    const { credentials } = bench({ answer: () => REFUSED, secret });
    expect(await credentials.headers()).toMatchObject({
      reason: "invalid_client; the secret file x is empty",
    });
  });

  test("a file that cannot be read for ever does not hold the relay: 10 s", async () => {
    const secret: Secret = { rotates: true, read: () => new Promise(() => {}) };
    const { credentials, clock } = bench({ secret });
    const asked = credentials.headers();
    await clock.pass(10 * S);
    expect(await asked).toMatchObject({ kind: "unavailable" });
  });
});
