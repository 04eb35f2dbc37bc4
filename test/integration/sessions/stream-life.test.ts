import { afterAll, beforeAll, expect, test } from "vitest";
import { createAccess } from "../../../src/sessions/access/access.ts";
import { createExpiries } from "../../../src/sessions/access/expiries.ts";
import { createIssuerKeys } from "../../../src/sessions/access/issuer-keys.ts";
import { createKeyRing } from "../../../src/sessions/access/key-ring.ts";
import { createTokens } from "../../../src/sessions/access/tokens.ts";
import { systemClock, type Clock } from "../../../src/shared/base/clock.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { AUDIENCE, startJwtIssuer, type JwtIssuer } from "../../support/jwt-issuer.ts";
import { SESSIONS_KEY, startTestServe, type TestServe } from "../../support/serve.ts";
import { openSocket } from "../../support/socket-reader.ts";
import { openSse } from "../../support/sse-reader.ts";
import { sessionsBroker } from "../session-log/harness.ts";

let broker: TestBroker;
let issuer: JwtIssuer;
let serve: TestServe;
const expiries = createExpiries(systemClock);

beforeAll(async () => {
  broker = await sessionsBroker();
  issuer = await startJwtIssuer();
  const deps = { fetch, clock: systemClock, log: silentLogger() };
  const issued = createIssuerKeys(issuer.url, deps);
  const tokens = createTokens({ issued, audience: AUDIENCE, clock: systemClock });
  const keys = createKeyRing(new Uint8Array(32), []);
  serve = await startTestServe(broker, { access: createAccess({ keys, tokens, expiries, open: false }) });
});
afterAll(async () => {
  await serve?.close();
  expiries.close();
  await issuer?.[Symbol.asyncDispose]();
  await broker?.[Symbol.asyncDispose]();
});

const by = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` });
const claims = { sub: "ann", scope: "read write user" };

test("streams and sockets of a token end when it expires, in mid-stream, by every protocol; those of a newer one go on", async () => {
  const long = by(await issuer.token(claims));
  expect(await serve.call("POST", "/sessions", { session_id: "chat" }, long)).toMatchObject({ status: 201 });
  const exp = Math.ceil(Date.now() / 1000) + 2;
  const short = by(await issuer.token({ ...claims, exp }));
  const at = (path: string): string => serve.url + path;
  const sse = await openSse(at("/sessions/chat/events"), short);
  const sockets = await Promise.all(
    ["/sessions/chat/execute?after=0", "/api/v1/sessions/chat/stream", "/ws/agent"].map((path) =>
      openSocket(at(path), short),
    ),
  );
  const kept = await openSse(at("/sessions/chat/events"), long);
  await sse.until(({ type }) => type === "caught_up");
  const last = (await sse.until(({ type }) => type === "closed")).at(-1);
  expect(last?.data).toMatchObject({ reason: "auth" });
  expect(Date.now()).toBeGreaterThanOrEqual(exp * 1000); // not before
  for (const { closed } of sockets) expect(await closed).toEqual({ code: 4401, reason: "auth" });
  expect(await serve.call("GET", "/sessions", undefined, short)).toMatchObject({ status: 401 });
  await serve.call("POST", "/sessions/chat/turns", { user_input: "hi" }, long);
  await kept.until(({ type }) => type === "turn");
  kept.close();
});

test("a token that has expired opens nothing, however little ago", async () => {
  const exp = Math.floor(Date.now() / 1000);
  await eventually(() => expect(Date.now()).toBeGreaterThanOrEqual(exp * 1000));
  const expired = by(await issuer.token({ ...claims, exp }));
  expect(await serve.call("GET", "/sessions", undefined, expired)).toMatchObject({ status: 401 });
});

test("a stream in which nothing happens is kept awake by comments, which are no events", async () => {
  const HEARTBEAT_MS = 15_000;
  const clock: Clock = {
    ...systemClock,
    after: (ms, fn) => systemClock.after(ms === HEARTBEAT_MS ? 20 : ms, fn),
  };
  await using quick = await startTestServe(broker, { clock });
  await quick.call("POST", "/sessions", { session_id: "still" });
  const leaving = new AbortController();
  const { body } = await fetch(`${quick.url}/sessions/still/events?after=latest`, {
    headers: { accept: "text/event-stream", authorization: `Bearer ${SESSIONS_KEY}` },
    signal: leaving.signal,
  });
  let text = "";
  for await (const bytes of body ?? []) {
    text += Buffer.from(bytes).toString();
    if (text.endsWith(":\n\n:\n\n:\n\n")) break;
  }
  leaving.abort();
  expect(text.match(/^event: |^id: /gm) ?? []).toEqual(text.match(/^event: caught_up/gm) ? ["event: "] : []);
});
