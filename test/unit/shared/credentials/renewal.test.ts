import { describe, expect, test } from "vitest";
import { promises } from "../../../support/fake-clock.ts";
import { AWAY, tokens } from "./scripted-issuer.ts";
import { S, bench, tokenOf } from "./oidc-bench.ts";

describe("when the coordinator refuses", () => {
  test("one new token is fetched however often it says so, and headers() waits for it", async () => {
    const { credentials, issuer, clock } = bench({ answer: tokens(300 * S) });
    await credentials.headers();
    issuer.answer(undefined);
    for (let i = 0; i < 32; i++) credentials.refused(1);
    expect(credentials.current()).toBeUndefined();
    const all = Array.from({ length: 32 }, () => credentials.headers());
    await promises();
    expect(issuer.calls).toHaveLength(2);
    issuer.answer(() => ({ kind: "token", accessToken: "token-2", ttlMs: 300 * S }));
    for (const result of await Promise.all(all)) {
      expect(result).toMatchObject({ generation: 2, headers: { authorization: "Bearer token-2" } });
    }
    credentials.refused(1); // a late answer to the old token
    await clock.pass(1 * S);
    expect(issuer.calls).toHaveLength(2);
    expect(tokenOf(credentials.current())).toBe("Bearer token-2");
  });

  test("and the issuer is away: the old token, which may be good, is handed out with its old generation", async () => {
    const { credentials, issuer, clock } = bench({ answer: tokens(300 * S) });
    await credentials.headers();
    issuer.answer(() => AWAY);
    credentials.refused(1);
    expect(await credentials.headers()).toMatchObject({ kind: "ready", generation: 1 });
    credentials.refused(1);
    await clock.pass(400);
    issuer.answer(() => ({ kind: "token", accessToken: "token-2", ttlMs: 300 * S }));
    await clock.pass(10 * S);
    expect(tokenOf(credentials.current())).toBe("Bearer token-2");
  });

  test("every token for an hour: the issuer is asked ever more seldom", async () => {
    const { credentials, issuer, clock } = bench({ answer: tokens(86_400 * S) });
    for (let probes = 0; probes < 720; probes++) {
      const result = await credentials.headers();
      if (result.kind === "ready") credentials.refused(result.generation);
      await clock.pass(5 * S);
    }
    // 1 + 1 at once + 5 + 10 + 20 + … + 300 s, then every 5 min
    expect(issuer.calls.length).toBeGreaterThan(10);
    expect(issuer.calls.length).toBeLessThanOrEqual(20);
  });

  test("a token that has worked for a minute is replaced at once again", async () => {
    const { credentials, issuer, clock } = bench({ answer: tokens(86_400 * S) });
    await credentials.headers();
    for (const generation of [1, 2, 3]) {
      await clock.pass(60 * S);
      credentials.refused(generation);
      await promises();
      expect(issuer.calls).toHaveLength(generation + 1);
    }
  });

  test("the back-off after refusals does not delay the regular refresh", async () => {
    const { credentials, issuer, clock } = bench({ answer: tokens(8 * S) });
    await credentials.headers();
    credentials.refused(1);
    await promises();
    credentials.refused(2); // 5 s, but the token is due in 4 s
    await clock.pass(4 * S);
    expect(issuer.calls).toHaveLength(3);
  });
});
