import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TokenAnswer } from "../../../../src/shared/credentials/attempt.ts";
import type { CredentialResult } from "../../../../src/shared/credentials/port.ts";
import { promises } from "../../../support/fake-clock.ts";
import { AWAY, REFUSED, tokens } from "./scripted-issuer.ts";
import { S, bench, tokenOf } from "./oidc-bench.ts";

describe("getting a token", () => {
  test("asks the issuer only with the first request, and once for 100 at the same time", async () => {
    const { credentials, issuer, clock } = bench();
    expect(credentials.current()).toBeUndefined();
    await clock.pass(60 * S);
    expect(issuer.calls).toHaveLength(0);

    const all = Array.from({ length: 100 }, () => credentials.headers());
    await promises();
    issuer.answer(tokens(300 * S));
    const results = await Promise.all(all);
    expect(issuer.calls).toHaveLength(1);
    expect(new Set(results.map(tokenOf))).toEqual(new Set(["Bearer token-1"]));
    expect(tokenOf(credentials.current())).toBe("Bearer token-1");
    expect(credentials.describe()).toEqual({ kind: "oidc", tokenExpiresInMs: 298 * S });
  });

  test("a caller that gives up does not end the request that others wait for", async () => {
    const { credentials, issuer } = bench();
    const impatient = new AbortController();
    const first = credentials.headers(impatient.signal);
    const second = credentials.headers();
    await promises();
    impatient.abort();
    expect(await first).toMatchObject({ kind: "unavailable" });
    issuer.answer(tokens(300 * S));
    expect(tokenOf(await second)).toBe("Bearer token-1");
    expect(issuer.calls).toHaveLength(1);
    expect(await credentials.headers(AbortSignal.abort())).toMatchObject({ kind: "ready" });
  });

  test("a slow issuer is given up after 10 s, and what it says later is ignored", async () => {
    const { credentials, issuer, clock } = bench();
    const asked = credentials.headers();
    await clock.pass(9999);
    expect(issuer.waiting()).toBe(1);
    await clock.pass(1);
    expect(await asked).toMatchObject({
      kind: "unavailable",
      code: "token_unavailable",
      reason: "the issuer did not answer within 10 s",
    });
    issuer.answer(tokens(300 * S)); // answers the old request
    await promises();
    expect(credentials.current()).toBeUndefined();
    await clock.pass(1 * S);
    expect(tokenOf(credentials.current())).toBe("Bearer token-2");
  });

  test("without expires_in a token lives 5 min", async () => {
    const { credentials } = bench({ answer: tokens() });
    await credentials.headers();
    expect(credentials.describe().tokenExpiresInMs).toBe(298 * S);
  });

  test.each([0, -5 * S, Number.NaN])("a life of %d ms is a failure, no storm of requests", async (ttl) => {
    const { credentials, issuer, clock } = bench({ answer: tokens(ttl) });
    expect(await credentials.headers()).toMatchObject({ kind: "unavailable" });
    await clock.pass(60 * S);
    expect(issuer.calls.length).toBeLessThan(15);
  });

  test("a life of 100 years does not overflow a timer", async () => {
    const { credentials, issuer, clock } = bench({ answer: tokens(100 * 365 * 86_400 * S) });
    await credentials.headers();
    await clock.pass(86_400 * S - 1);
    expect(issuer.calls).toHaveLength(1);
    await clock.pass(1);
    expect(issuer.calls).toHaveLength(2);
  });
});

describe("keeping it fresh", () => {
  test("is replaced in the background at min(0.9 TTL, TTL − 60 s), the old one serves meanwhile", async () => {
    const { credentials, issuer, clock } = bench({ answer: tokens(300 * S) });
    await credentials.headers();
    await clock.pass(240 * S - 1);
    expect(issuer.calls).toHaveLength(1);
    issuer.answer(undefined);
    await clock.pass(1);
    expect(issuer.calls).toHaveLength(2);
    expect(tokenOf(await credentials.headers())).toBe("Bearer token-1");
    issuer.answer(() => ({ kind: "token", accessToken: "token-2", ttlMs: 300 * S }));
    await promises();
    expect(tokenOf(credentials.current())).toBe("Bearer token-2");
  });

  test("life is counted from the request, not from the answer", async () => {
    const { credentials, issuer, clock } = bench();
    const asked = credentials.headers();
    await clock.pass(8 * S);
    issuer.answer(tokens(100 * S));
    await asked;
    expect(credentials.describe().tokenExpiresInMs).toBe(90 * S); // 98 - 8
  });

  test("while the issuer is away it retries, the old token serves until it expires, then nothing goes out", async () => {
    const { credentials, issuer, clock } = bench({ answer: tokens(300 * S) });
    await credentials.headers();
    issuer.answer(() => AWAY);
    await clock.pass(250 * S);
    expect(tokenOf(await credentials.headers())).toBe("Bearer token-1");
    expect(credentials.describe().lastError).toBe("token_unavailable: cannot be reached");
    await clock.pass(48 * S);
    expect(credentials.current()).toBeUndefined();
    const before = issuer.calls.length;
    const result = await credentials.headers();
    expect(result).toMatchObject({
      kind: "unavailable",
      code: "token_unavailable",
      reason: "cannot be reached",
    });
    expect(result.kind === "unavailable" && result.retryAfterMs).toBeLessThanOrEqual(10 * S);
    expect(issuer.calls).toHaveLength(before); // asking does not defeat the back-off

    issuer.answer(tokens(300 * S));
    await clock.pass(10 * S);
    expect(credentials.current()).toBeDefined(); // by itself
    expect(credentials.describe()).not.toHaveProperty("lastError");
  });

  test("an issuer that is away for a minute is asked at most 13 times", async () => {
    const { credentials, issuer, clock } = bench({ answer: () => AWAY });
    await credentials.headers();
    await clock.pass(60 * S);
    expect(issuer.calls.length).toBeGreaterThan(5);
    expect(issuer.calls.length).toBeLessThanOrEqual(13);
  });

  test("a wall clock set back an hour changes nothing", async () => {
    const { credentials, issuer, clock } = bench({ answer: tokens(300 * S) });
    await credentials.headers();
    clock.setWall(clock.wall() - 3600 * S);
    await clock.pass(240 * S);
    expect(issuer.calls).toHaveLength(2);
    issuer.answer(() => AWAY);
    clock.setWall(clock.wall() - 3600 * S);
    await clock.pass(298 * S);
    expect(credentials.current()).toBeUndefined();
  });
});

describe("the end", () => {
  test("close() leaves no timer, and nothing is handed out or asked for afterwards", async () => {
    const { credentials, issuer, clock } = bench({ answer: tokens(300 * S) });
    await credentials.headers();
    issuer.answer(undefined);
    credentials.refused(1);
    const waiting = credentials.headers();
    await promises();
    credentials.close();
    expect(await waiting).toMatchObject({ kind: "unavailable" });
    credentials.refused(1);
    expect(credentials.current()).toBeUndefined();
    expect(await credentials.headers()).toMatchObject({ kind: "unavailable" });
    await promises();
    expect(clock.pending()).toBe(0);
    expect(issuer.calls).toHaveLength(2);
  });

  test("CRED-1 tokens are known to the log's filter, and forgotten after some more: no growth", async () => {
    const { credentials, clock, secrets } = bench({ answer: tokens(300 * S) });
    await credentials.headers();
    await clock.pass(240 * S * 9);
    expect(secrets.hide("token-1; token-9; token-10;")).toBe("token-1; [secret]; [secret];");
  });
});

test("whatever happens: one request at a time, no expired token, nothing unauthenticated, and it recovers", async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 400 * S }) }),
    fc.record({ do: fc.constant("headers" as const) }),
    fc.record({ do: fc.constant("refuse" as const) }),
    fc.record({ do: fc.constant("wall" as const), ms: fc.integer({ min: -1e7, max: 1e7 }) }),
    fc.record({
      do: fc.constant("issuer" as const),
      is: fc.constantFrom("good" as const, "away" as const, "refusing" as const, "hanging" as const),
    }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1 * S, max: 1000 * S }),
      fc.array(step, { maxLength: 30 }),
      async (ttl, steps) => {
        const { credentials, issuer, clock } = bench();
        const expiry = new Map<string, number>();
        let n = 0;
        const good = (): TokenAnswer => {
          const accessToken = `token-${++n}`;
          expiry.set(`Bearer ${accessToken}`, clock.now() + ttl);
          return { kind: "token", accessToken, ttlMs: ttl };
        };
        const check = (result: CredentialResult | undefined): void => {
          if (result?.kind !== "ready") return;
          expect(expiry.get(result.headers["authorization"] ?? "")).toBeGreaterThan(clock.now());
        };
        issuer.answer(good);
        for (const now of steps) {
          if (now.do === "pass") await clock.pass(now.ms);
          if (now.do === "headers") void credentials.headers().then(check);
          if (now.do === "refuse") credentials.refused(credentials.current()?.generation ?? 0);
          if (now.do === "wall") clock.setWall(clock.wall() + now.ms);
          if (now.do === "issuer") {
            const by = { good, away: () => AWAY, refusing: () => REFUSED, hanging: undefined };
            issuer.answer(by[now.is]);
          }
          await promises();
          check(credentials.current());
          // one that was given up after 10 s may still hang
          expect(clock.pending()).toBeLessThanOrEqual(2);
        }
        issuer.answer(good);
        await clock.pass(31 * S);
        expect(await credentials.headers()).toMatchObject({ kind: "ready" });
        credentials.close();
        await promises();
        expect(clock.pending()).toBe(0);
      },
    ),
    { numRuns: 200 },
  );
});
