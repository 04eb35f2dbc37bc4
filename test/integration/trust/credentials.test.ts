import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startIssuer, type TestIssuer } from "../../support/issuer.ts";
import type { TestRelay } from "../../support/relay.ts";
import {
  appendTo,
  expectAllDelivered,
  expectTold,
  sessionsOf,
  startDay,
  type Day,
} from "../bad-days-coordinator/day.ts";
import { startDemanding, type DemandingCoordinator } from "./demanding.ts";
import { eventually } from "../../support/eventually.ts";

const AUDIENCE = "urn:test:coordinator";

type Guarded = {
  day: Day;
  issuer: TestIssuer;
  front: DemandingCoordinator;
  relay: TestRelay;
  secretFile: string;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Issuer, coordinator that demands its tokens, and a relay that gets them with a secret from a file. */
async function startGuarded(options: { ttl?: number; issuerUp?: boolean } = {}): Promise<Guarded> {
  await using scope = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "rr-trust-"));
  scope.defer(() => rm(folder, { recursive: true }));
  const issuer = scope.use(await startIssuer({ ttl: options.ttl ?? 300 }));
  const secretFile = join(folder, "secret");
  await writeFile(secretFile, issuer.secret());
  const day = scope.use(await startDay());
  const front = scope.use(
    await startDemanding(day.coordinator.url, { issuer: issuer.url, audience: AUDIENCE }),
  );
  if (options.issuerUp === false) await issuer.stop();
  const relay = await day.relay({
    url: front.url,
    env: {
      RUNNER_RELAY_OIDC_ISSUER: issuer.url,
      RUNNER_RELAY_OIDC_CLIENT_ID: issuer.clientId,
      RUNNER_RELAY_OIDC_CLIENT_SECRET_FILE: secretFile,
      RUNNER_RELAY_OIDC_AUDIENCE: AUDIENCE,
      RUNNER_RELAY_OIDC_ALLOW_INSECURE_HTTP: "true",
    },
  });
  const kept = scope.move();
  return { day, issuer, front, relay, secretFile, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** At the wire: every request brought a bearer token, and no secret came along elsewhere. */
function expectNothingUnauthenticated({ front, issuer, day }: Guarded): void {
  expect(front.seen.length).toBeGreaterThan(0);
  const bare = front.seen.filter(
    ({ authorization }) => !/^Bearer [\w-]+\.[\w-]+\.[\w-]+$/.test(authorization ?? ""),
  );
  expect(bare.map(({ path }) => path)).toEqual([]);
  const leaks = front.seen.filter(({ text }) => text.includes(issuer.secret()) || text.includes("eyJ"));
  expect(leaks.map(({ path }) => path)).toEqual([]);
  const lines = JSON.stringify(day.lines);
  expect(lines).not.toContain(JSON.stringify(issuer.secret()).slice(1, -1));
  expect(lines).not.toMatch(/eyJ[\w-]+\.[\w-]+/);
}

/** Events keep coming until the last token has ended, and are held back then. */
async function appendUntilPaused(day: Day): Promise<Map<string, string[]>> {
  const sessions = ["ses_x", "ses_y", "ses_z"];
  const ids = new Map<string, string[]>(sessions.map((session) => [session, []]));
  await eventually(async () => {
    for (const [session, sent] of await appendTo(day, sessions, 1)) ids.get(session)?.push(...sent);
    expect(day.told()).toMatchObject({ state: "paused", reason: "token_unavailable" });
  });
  return ids;
}

/** Verdicts on requests but `good` and `expired`: tokens count whole seconds, so one of 2 s may live a second less. */
function worstOf({ seen }: DemandingCoordinator): string[] {
  return seen.map(({ verdict }) => verdict).filter((verdict) => verdict !== "good" && verdict !== "expired");
}

function gateOf(relay: TestRelay): Promise<unknown> {
  return relay.get("/status").then(({ text }) => (JSON.parse(text) as { gate: unknown }).gate);
}

it.concurrent("CRED-1: tokens of 2 s are replaced before they end; nothing is lost and nothing goes out without one", async () => {
  await using guarded = await startGuarded({ ttl: 2 });
  const { day, issuer, front } = guarded;
  const ids = new Map<string, string[]>(sessionsOf(5).map((session) => [session, []]));
  await eventually(async () => {
    for (const [session, sent] of await appendTo(day, sessionsOf(5), 1)) ids.get(session)?.push(...sent);
    expect(issuer.tokenCalls()).toBeGreaterThanOrEqual(4); // over more than 3 s
  });
  await expectAllDelivered(day, ids);
  expect(new Set(front.seen.map(({ authorization }) => authorization)).size).toBeGreaterThanOrEqual(3);
  expect(worstOf(front)).toEqual([]);
  expectNothingUnauthenticated(guarded);
});

it.concurrent("CRED-1: a secret that is rotated in its file is used without a restart", async () => {
  await using guarded = await startGuarded({ ttl: 2 });
  const { day, issuer, secretFile } = guarded;
  await expectAllDelivered(day, await appendTo(day, ["ses_a"], 2));
  issuer.rotate("second-client-secret+/ %&");
  const ids = await appendUntilPaused(day);
  await writeFile(`${secretFile}.new`, issuer.secret());
  await rename(`${secretFile}.new`, secretFile);
  await expectAllDelivered(day, ids);
  await eventually(() => expect(day.lines.map(({ code }) => code)).toContain("credentials_invalid"));
  expectNothingUnauthenticated(guarded);
});

it.concurrent("CRED-1: an issuer that is down for longer than the token's life pauses everything, says so, and is noticed when it is back", async () => {
  await using guarded = await startGuarded({ ttl: 2 });
  const { day, issuer, front, relay } = guarded;
  const before = await appendTo(day, ["ses_a"], 2);
  await expectAllDelivered(day, before);
  await issuer.stop();
  const ids = await appendUntilPaused(day);
  await eventually(async () =>
    expect(await gateOf(relay)).toMatchObject({
      phase: "paused",
      reason: "token_unavailable",
      text: expect.stringContaining("cannot be reached"),
    }),
  );
  expect((await relay.get("/ready")).text).toContain("token_unavailable");
  const sent = front.seen.length;
  const calls = day.lines.filter((line) => line.msg === "token request failed").length;
  await eventually(() =>
    expect(day.lines.filter((line) => line.msg === "token request failed").length).toBeGreaterThan(calls + 1),
  );
  expect(front.seen).toHaveLength(sent); // not even a question goes out
  await issuer.start();
  await expectAllDelivered(day, ids);
  await eventually(() => expect(day.told()).toEqual({ state: "up" }));
  expect(worstOf(front)).toEqual([]);
  expectNothingUnauthenticated(guarded);
});

it.concurrent("CRED-1: without a token from the start nothing at all is sent, and all of it when there is one", async () => {
  await using guarded = await startGuarded({ issuerUp: false });
  const { day, issuer, front } = guarded;
  const ids = await appendTo(day, ["ses_a", "ses_b"], 3);
  await expectTold(day, "paused", "token_unavailable");
  expect(front.seen).toEqual([]);
  await issuer.start();
  await expectAllDelivered(day, ids);
  expectNothingUnauthenticated(guarded);
});

it.concurrent("an issuer that answers 401: paused as credentials_invalid in the log, resumed when it accepts us again", async () => {
  await using guarded = await startGuarded({ ttl: 2 });
  const { day, issuer, relay } = guarded;
  await expectAllDelivered(day, await appendTo(day, ["ses_a"], 1));
  issuer.fault({ kind: "answer", status: 401, body: '{"error":"invalid_client"}' }, "token");
  await eventually(() => expect(day.lines.map(({ code }) => code)).toContain("credentials_invalid"));
  const ids = await appendUntilPaused(day);
  await eventually(async () =>
    expect(await gateOf(relay)).toMatchObject({
      text: expect.stringContaining("answered 401 (invalid_client)"),
    }),
  );
  issuer.fault(undefined);
  await expectAllDelivered(day, ids);
  expectNothingUnauthenticated(guarded);
});

it.concurrent("a coordinator that starts to answer 401, then 403, then is well: paused, no dead letter, all delivered in order", async () => {
  await using guarded = await startGuarded();
  const { day, issuer, front, relay } = guarded;
  await expectAllDelivered(day, await appendTo(day, sessionsOf(3), 2));
  front.refuse(401);
  const ids = await appendTo(day, sessionsOf(6).slice(3), 5);
  await expectTold(day, "paused", "unauthorized");
  await eventually(async () =>
    expect(await gateOf(relay)).toMatchObject({
      reason: "unauthorized",
      text: "the coordinator answers 401",
    }),
  );
  expect(issuer.tokenCalls()).toBeGreaterThanOrEqual(2); // a fresh one was tried first
  front.refuse(403);
  const before = front.seen.length;
  await eventually(() => expect(front.seen.length).toBeGreaterThan(before));
  await eventually(() => expect(day.told()).toMatchObject({ state: "paused", reason: "unauthorized" }));
  front.refuse(undefined);
  await expectAllDelivered(day, ids);
  await eventually(() => expect(day.told()).toEqual({ state: "up" }));
  expect(issuer.tokenCalls()).toBeLessThan(10); // no storm
  expectNothingUnauthenticated(guarded);
});

it.concurrent("ISOLATE-1: a session that is refused alone waits alone", async () => {
  await using guarded = await startGuarded();
  const { day, front } = guarded;
  front.refuse(401, /^\/sessions\/ses_a\//);
  const ids = await appendTo(day, ["ses_a"], 2);
  await eventually(() =>
    expect(front.seen.filter(({ path }) => path === "/sessions/ses_a/events").length).toBeGreaterThan(2),
  );
  const others = await appendTo(day, ["ses_b", "ses_c"], 5);
  await expectAllDelivered(day, others);
  expect(day.lines.filter(({ code }) => code === "unauthorized")).toEqual([]);
  await eventually(() => expect(day.told()).toEqual({ state: "up" }));
  front.refuse(undefined);
  await expectAllDelivered(day, ids);
  expectNothingUnauthenticated(guarded);
});

it.concurrent("writes that are refused to all, though questions are answered, pause as well", async () => {
  await using guarded = await startGuarded();
  const { day, front } = guarded;
  front.refuse(403, /\/events$/);
  const ids = await appendTo(day, ["ses_a", "ses_b"], 3);
  await expectTold(day, "paused", "unauthorized");
  front.refuse(undefined);
  await expectAllDelivered(day, ids);
  expectNothingUnauthenticated(guarded);
});
