import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readAddresses } from "../../../../src/sessions/runner/address.ts";
import { tokensIn } from "../../../../src/sessions/runner/token-folder.ts";
import { createRunnerFetch, type RunnerToken } from "../../../../src/sessions/runner/transport.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";

const addresses = readAddresses("http://session-{session}.{user}.svc.cluster.local:8001");

/** What is sent for a call. */
async function sent(
  address: string,
  token: RunnerToken,
  headers?: Record<string, string>,
): Promise<RequestInit> {
  let got: RequestInit = {};
  const send = createRunnerFetch({
    addresses,
    token,
    fetch: async (_url, init) => {
      got = init ?? {};
      return new Response();
    },
  });
  await send(new URL(address), { ...(headers === undefined ? {} : { headers }), redirect: "follow" });
  return got;
}

const tokenOf = ({ headers }: RequestInit): string | null =>
  new Headers(headers).get("x-ambient-session-token");

test("the token goes to the runner that it is of, and redirects are not followed", async () => {
  const asked: unknown[] = [];
  const token: RunnerToken = async (of) => {
    asked.push(of);
    return "secret";
  };
  const init = await sent("http://session-a.team.svc.cluster.local:8001/tasks", token);
  expect(tokenOf(init)).toBe("secret");
  expect(init.redirect).toBe("manual");
  expect(asked).toEqual([{ session: "a", user: "team" }]);
});

test.each([
  "http://evil.example/",
  "http://session-a.team.svc.cluster.local.evil.example:8001/",
  "http://127.0.0.1/",
])("%s gets no token, and not that of somebody else either", async (address) => {
  const init = await sent(address, async () => "secret", { "X-Ambient-Session-Token": "given" });
  expect(tokenOf(init)).toBeNull();
});

test("without a token the call is sent without", async () => {
  expect(
    tokenOf(await sent("http://session-a.team.svc.cluster.local:8001/", async () => undefined)),
  ).toBeNull();
});

test("tokens are read from their folder with each call; what is missing or no token is none", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rr-tokens-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const token = tokensIn(folder, silentLogger());
  const of = { user: "team", session: "a" };
  expect(await token(of)).toBeUndefined();
  mkdirSync(join(folder, "team", "dir"), { recursive: true });
  const file = join(folder, "team", "a");
  for (const [text, read] of [
    ["secret\n", "secret"],
    ["other", "other"],
    ["two words", undefined],
    ["", undefined],
    ["x".repeat(5000), undefined],
  ] as const) {
    writeFileSync(file, text);
    expect(await token(of)).toBe(read);
  }
  expect(await token({ user: "team", session: "dir" })).toBeUndefined();
  expect(await token({ user: "team/a", session: "x" })).toBeUndefined();
});
