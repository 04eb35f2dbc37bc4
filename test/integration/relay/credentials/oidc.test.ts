import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, describe, expect, test } from "vitest";
import { createCredentials, type Credentials } from "../../../../src/shared/credentials/index.ts";
import type { Clock } from "../../../../src/shared/base/clock.ts";
import { ALL_SETTINGS, RELAY_SETTINGS } from "../../../../src/shared/settings/index.ts";
import { loadSettings } from "../../../../src/shared/base/config/load.ts";
import { SecretRegistry } from "../../../../src/shared/base/logger.ts";
import { createBearerVerifier } from "../../../support/bearer.ts";
import { startIssuer, type TestIssuer } from "../../../support/issuer.ts";
import { eventually } from "../../../support/eventually.ts";

const AUDIENCE = "https://coordinator.example";
const folder = mkdtempSync(join(tmpdir(), "rr-oidc-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Real time, some times as fast: a back-off of 10 s passes in half a second. */
function fastClock(times: number): Clock {
  return {
    now: () => performance.now() * times,
    wall: () => Date.now(),
    after(ms, fn) {
      const timer = setTimeout(fn, ms / times);
      return () => clearTimeout(timer);
    },
  };
}

type Bench = Disposable & {
  credentials: Credentials;
  /** Log lines as they are before the secret filter. */
  lines: string[];
};

/** Credentials against the issuer. On disposal every log line is searched for secrets and tokens (CRED-1). */
function bench(issuer: TestIssuer, env: Record<string, string> = {}, clock: Clock = fastClock(20)): Bench {
  const lines: string[] = [];
  const handedOut = new Set<string>();
  const settings = loadSettings(RELAY_SETTINGS, {
    env: {
      RUNNER_RELAY_OIDC_ISSUER: issuer.url,
      RUNNER_RELAY_OIDC_ALLOW_INSECURE_HTTP: "true",
      RUNNER_RELAY_OIDC_CLIENT_ID: issuer.clientId,
      ...(env["RUNNER_RELAY_OIDC_CLIENT_SECRET_FILE"] === undefined
        ? { RUNNER_RELAY_OIDC_CLIENT_SECRET: issuer.secret() }
        : {}),
      RUNNER_RELAY_OIDC_AUDIENCE: AUDIENCE,
      ...env,
    },
    known: ALL_SETTINGS,
  });
  const made = createCredentials(settings, {
    clock,
    random: Math.random,
    log: pino({ level: "trace" }, { write: (line: string) => void lines.push(line) }),
    secrets: new SecretRegistry(),
  });
  const credentials: Credentials = {
    ...made,
    async headers(signal) {
      const result = await made.headers(signal);
      if (result.kind === "ready") handedOut.add(result.headers["authorization"]?.slice(7) ?? "");
      else lines.push(result.reason);
      return result;
    },
  };
  return {
    credentials,
    lines,
    [Symbol.dispose]() {
      made.close();
      const text = [...lines, JSON.stringify(made.describe())].join("\n");
      for (const secret of [...handedOut, issuer.secret(), ...issuer.tokenRequests.map(secretOf)]) {
        expect(secret.length).toBeGreaterThan(4);
        expect(text).not.toContain(secret);
        expect(text).not.toContain(encodeURIComponent(secret));
      }
    },
  };
}

function secretOf(request: TestIssuer["tokenRequests"][number]): string {
  return String(request.form["client_secret"] ?? request.authorization);
}

/** The header, once there is a token: on a loaded machine the first one may take longer than one question waits. */
async function authorization(credentials: Credentials): Promise<string | undefined> {
  return eventually(async () => {
    const result = await credentials.headers();
    if (result.kind !== "ready") throw new Error(`no token: ${JSON.stringify(result)}`);
    return result.headers["authorization"];
  });
}

describe("a real issuer", () => {
  test.each(["basic", "post"] as const)(
    "gives a token that the coordinator accepts, the secret sent by %s",
    async (auth) => {
      await using issuer = await startIssuer({ auth });
      using run = bench(issuer, {
        RUNNER_RELAY_OIDC_AUTH: auth,
        RUNNER_RELAY_OIDC_SCOPE: "events:write",
        RUNNER_RELAY_OIDC_PARAMETERS: "organization=o%26p",
      });
      const verifier = createBearerVerifier({ issuer: issuer.url, audience: AUDIENCE });
      const verdict = await verifier.check(await authorization(run.credentials));
      expect(verdict).toMatchObject({ ok: true, claims: { scope: "events:write", aud: AUDIENCE } });
      const [request] = issuer.tokenRequests;
      expect(request?.form).toMatchObject({ grant_type: "client_credentials", organization: "o&p" });
      expect(request?.form["client_secret"]).toBe(auth === "post" ? issuer.secret() : undefined);
      expect(request?.authorization?.startsWith("Basic ") ?? false).toBe(auth === "basic");
    },
  );

  test("100 at the same time ask it once", async () => {
    await using issuer = await startIssuer();
    using run = bench(issuer);
    const all = await Promise.all(Array.from({ length: 100 }, () => authorization(run.credentials)));
    expect(new Set(all).size).toBe(1);
    expect(all[0]).toMatch(/^Bearer ey/);
    expect(issuer.tokenCalls()).toBe(1);
  });

  test("tokens of two seconds are replaced ahead of their end: the coordinator never sees an old one", async () => {
    await using issuer = await startIssuer({ ttl: 2 });
    using run = bench(issuer, {}, fastClock(1));
    const verifier = createBearerVerifier({ issuer: issuer.url, audience: AUDIENCE });
    let generation = 0;
    await eventually(async () => {
      const result = await run.credentials.headers();
      expect(result.kind).toBe("ready");
      if (result.kind !== "ready") return;
      expect(await verifier.check(result.headers["authorization"])).toMatchObject({ ok: true });
      ({ generation } = result);
      expect(generation).toBeGreaterThanOrEqual(4);
    }, 10);
    expect(issuer.tokenCalls()).toBe(generation);
  });

  test("a refusal by the coordinator brings another token", async () => {
    await using issuer = await startIssuer();
    using run = bench(issuer);
    const first = await authorization(run.credentials);
    for (let i = 0; i < 20; i++) run.credentials.refused(1);
    const second = await authorization(run.credentials);
    expect(second).not.toBe(first);
    expect(second).toMatch(/^Bearer ey/);
    expect(issuer.tokenCalls()).toBe(2);
  });
});

describe("an issuer in trouble", () => {
  test("is down beyond the token's life, and comes back: unavailable meanwhile, then it recovers by itself", async () => {
    await using issuer = await startIssuer({ ttl: 20 }); // one second of the fast clock
    using run = bench(issuer);
    expect(await authorization(run.credentials)).toMatch(/^Bearer ey/);
    await issuer.stop();
    await eventually(async () => {
      expect(await run.credentials.headers()).toMatchObject({
        kind: "unavailable",
        code: "token_unavailable",
        reason: expect.stringMatching(/cannot be reached: .*ECONNREFUSED/) as string,
      });
    }, 10);
    expect(run.credentials.current()).toBeUndefined();
    expect(run.credentials.describe()).toMatchObject({ tokenExpiresInMs: 0 });
    expect(run.lines.some((line) => line.includes("token request failed"))).toBe(true);
    await issuer.start();
    await eventually(() => expect(run.credentials.current()).toBeDefined(), 10);
    expect(run.credentials.describe()).not.toHaveProperty("lastError");
  });

  test("its first answer may be late: nothing is needed but patience", async () => {
    await using issuer = await startIssuer();
    using run = bench(issuer);
    await issuer.stop();
    expect(await run.credentials.headers()).toMatchObject({ kind: "unavailable" });
    await issuer.start();
    await eventually(() => expect(run.credentials.current()).toBeDefined(), 10);
  });

  test("a wrong secret is credentials_invalid; the one rotated into its file is used without a restart", async () => {
    await using issuer = await startIssuer();
    const file = join(folder, "client-secret");
    writeFileSync(file, "not-the-secret\n");
    using run = bench(issuer, { RUNNER_RELAY_OIDC_CLIENT_SECRET_FILE: file });
    expect(await run.credentials.headers()).toMatchObject({
      kind: "unavailable",
      code: "credentials_invalid",
      reason: expect.stringMatching(/401 \(invalid_client: client authentication failed\)$/) as string,
    });
    writeFileSync(file, `${issuer.secret()}\n`);
    await eventually(() => expect(run.credentials.current()).toBeDefined(), 10);

    // and again while all is well: the old secret ends, the new one is in the file
    issuer.rotate("second-client-secret");
    writeFileSync(file, "second-client-secret\n");
    run.credentials.refused(1);
    expect(await run.credentials.headers()).toMatchObject({ kind: "ready", generation: 2 });
    expect(issuer.tokenRequests.at(-1)?.form["client_secret"]).toBe("second-client-secret");
  });

  test("the secret is rotated at the issuer first: the token serves until the file follows", async () => {
    await using issuer = await startIssuer();
    const file = join(folder, "late-secret");
    writeFileSync(file, issuer.secret());
    using run = bench(issuer, { RUNNER_RELAY_OIDC_CLIENT_SECRET_FILE: file });
    expect(await authorization(run.credentials)).toBeDefined();
    issuer.rotate("second-client-secret");
    run.credentials.refused(1);
    expect(await run.credentials.headers()).toMatchObject({ kind: "ready", generation: 1 });
    expect(run.credentials.describe().lastError).toMatch(/^credentials_invalid: .*invalid_client/);
    writeFileSync(file, "second-client-secret");
    await eventually(() => expect(run.credentials.current()).toMatchObject({ generation: 2 }), 10);
  });

  const html = {
    kind: "answer",
    status: 200,
    body: "<html>login</html>",
    headers: { "content-type": "text/html" },
  } as const;
  test.each([
    [
      "401 at the token endpoint",
      { kind: "answer", status: 401, body: '{"error":"invalid_client"}' },
      "token",
      "credentials_invalid",
    ],
    ["500 at the token endpoint", { kind: "answer", status: 500, body: "{}" }, "token", "token_unavailable"],
    ["HTML at the token endpoint", html, "token", "token_unavailable"],
    [
      "garbage at the token endpoint",
      { kind: "answer", status: 200, body: '{"access' },
      "token",
      "token_unavailable",
    ],
    ["a reset at the token endpoint", { kind: "reset" }, "token", "token_unavailable"],
    ["silence at the token endpoint", { kind: "hold" }, "token", "token_unavailable"],
    ["HTML at discovery", html, "discovery", "token_unavailable"],
    ["404 at discovery", { kind: "answer", status: 404, body: "{}" }, "discovery", "token_unavailable"],
    ["silence at discovery", { kind: "hold" }, "discovery", "token_unavailable"],
  ] as const)("%s: nothing goes out, it is said why, and it recovers", async (_title, fault, at, code) => {
    await using issuer = await startIssuer();
    issuer.fault(fault, at);
    using run = bench(issuer);
    const result = await run.credentials.headers();
    expect(result).toMatchObject({ kind: "unavailable", code });
    if (fault.kind === "hold")
      expect(result).toMatchObject({ reason: "the issuer did not answer within 10 s" });
    expect(run.credentials.describe().lastError).toMatch(new RegExp(`^${code}: .*issuer`));
    issuer.fault(undefined);
    await eventually(() => expect(run.credentials.current()).toBeDefined(), 10);
  });

  test("a slow answer within 10 s is waited for", async () => {
    await using issuer = await startIssuer();
    issuer.fault({ kind: "hold" }, "token");
    using run = bench(issuer, {}, fastClock(1));
    const asked = run.credentials.headers();
    await eventually(() => expect(issuer.tokenCalls()).toBe(1), 10);
    issuer.release();
    expect(await asked).toMatchObject({ kind: "ready", generation: 1 });
  });
});
