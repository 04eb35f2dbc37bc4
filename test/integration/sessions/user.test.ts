import { randomBytes } from "node:crypto";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAccess } from "../../../src/sessions/access/access.ts";
import type { Access, Caller, Scope } from "../../../src/sessions/access/caller.ts";
import { createExpiries } from "../../../src/sessions/access/expiries.ts";
import { createIssuerKeys } from "../../../src/sessions/access/issuer-keys.ts";
import { createKeyRing } from "../../../src/sessions/access/key-ring.ts";
import { sha256, type Key } from "../../../src/sessions/access/keys.ts";
import { createTokens } from "../../../src/sessions/access/tokens.ts";
import { OPERATIONS } from "../../../src/sessions/describe/operations.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { findSession } from "../../../src/shared/session-log/registry/find.ts";
import type { TestBroker } from "../../support/broker.ts";
import { AUDIENCE, startJwtIssuer, type JwtIssuer } from "../../support/jwt-issuer.ts";
import { startTestServe, type Answer, type TestServe } from "../../support/serve.ts";
import { sessionsBroker } from "../session-log/harness.ts";

/** In everything that ann has: it must reach nobody else. */
const SECRET = "xyzzy-of-ann";
const ALL: Scope[] = ["read", "write", "user"];
const KEYS = {
  ann: "key-of-ann",
  bob: "key-of-bob",
  nothing: "key-for-nothing",
  admin: "key-of-admin",
};

let broker: TestBroker;
let issuer: JwtIssuer;
let serve: TestServe;
/** The caller with a credential for one of ann's sessions. */
let podOfAnn: Caller = {
  user: "ann",
  scopes: new Set(["read", "write"]),
  open: false,
  ended: new AbortController().signal,
};
const lines: string[] = [];
const expiries = createExpiries(systemClock);

beforeAll(async () => {
  broker = await sessionsBroker();
  issuer = await startJwtIssuer();
  const issued = createIssuerKeys(issuer.url, { fetch, clock: systemClock, log: silentLogger() });
  const key = (name: keyof typeof KEYS, user: string, scopes: Scope[]): Key => ({
    sha256: sha256(KEYS[name]),
    user,
    scopes: new Set(scopes),
  });
  const ring = createKeyRing(randomBytes(32), [
    key("ann", "ann", ALL),
    key("bob", "bob", ALL),
    key("nothing", "ann", ["admin"]),
    key("admin", "root", [...ALL, "admin"]),
  ]);
  const tokens = createTokens({ issued, audience: AUDIENCE, clock: systemClock });
  const known = createAccess({ keys: ring, tokens, expiries, open: false });
  const access: Access = {
    caller: async (knock) =>
      knock.headers.authorization === "Bearer pod-of-ann" ? podOfAnn : await known.caller(knock),
  };
  serve = await startTestServe(broker, { access, onLine: (line) => void lines.push(line) });
  // ann and bob each have a session by the same id, and each deleted one
  for (const who of ["ann", "bob"] as const) {
    const own = who === "ann" ? SECRET : "nothing special";
    for (const id of ["chat", `gone-${who}`, `only-${who}`])
      await as(who, "POST", "/sessions", { session_id: id, metadata: { own }, prompt: own });
    await as(who, "DELETE", `/sessions/gone-${who}`);
  }
  const jsm = await jetstreamManager(await broker.connect("serve"), { checkAPI: false });
  const found = await findSession(jsm, "ann", "chat");
  if (found.kind !== "there") throw new Error("ann has no session");
  podOfAnn = { ...podOfAnn, session: { id: "chat", name: found.session.name } };
});
afterAll(async () => {
  await serve?.close();
  expiries.close();
  await issuer?.[Symbol.asyncDispose]();
  await broker?.[Symbol.asyncDispose]();
});

function as(who: string, method: string, path: string, body?: unknown, headers = {}): Promise<Answer> {
  const key = who in KEYS ? KEYS[who as keyof typeof KEYS] : who;
  return serve.call(method, path, body, { authorization: `Bearer ${key}`, ...headers });
}

type Route = { method: string; path: string; body?: object };

/** Every route of a session, as the OpenAPI document lists them. A test compares that with what the server has. */
const ROUTES: Route[] = OPERATIONS.filter(
  // who may say which pod runs a session acts for every user; others learn nothing by it (below)
  ({ path }) => path.includes("{session_id}") && !path.endsWith("/pod"),
).map(({ method, path, body }) => ({
  method: method.toUpperCase(),
  path: path.replace("{turn_id}", "t1").replace("{request_id}", "q1").replace("{task}", "k1"),
  ...(body === undefined ? {} : { body: body.example }),
}));

/** Those of the dialect, which answers in its own form. There a deletion of what is not there is one, too. */
const OF_DIALECT: Route[] = [
  { method: "GET", path: "/api/v1/sessions/{session_id}" },
  { method: "DELETE", path: "/api/v1/sessions/{session_id}" },
  { method: "GET", path: "/api/v1/ops/sessions/{session_id}/mcp" },
];

test("the table has every operation of a session", () => {
  expect(ROUTES.length).toBeGreaterThanOrEqual(23);
});

/** An answer without what differs from one to the next. */
function shapeOf({ status, headers, json }: Answer): unknown {
  const named = [...headers].filter(([name]) => name !== "date");
  return { status, headers: Object.fromEntries(named), json };
}

describe.each([...ROUTES, ...OF_DIALECT])("$method $path", ({ method, path, body }) => {
  const isDialect = path.startsWith("/api/v1/");
  const ask = async (who: string, id: string): Promise<unknown> => {
    const answer = await as(who, method, path.replace("{session_id}", id), body);
    if (isDialect) expect(JSON.stringify(answer.json)).not.toContain(SECRET);
    return JSON.parse(JSON.stringify(shapeOf(answer)).replaceAll(id, "ID")); // the ids are of one length
  };
  /** Their answers for these sessions, if they are all the same. */
  const sameFor = async (who: string, ids: string[]): Promise<unknown> => {
    const [first, ...others] = await Promise.all(ids.map((id) => ask(who, id)));
    for (const other of others) expect(other).toEqual(first);
    return first;
  };

  test("USER-1: another user's session is answered as one that was deleted and one that never was", async () => {
    const answer = await sameFor("bob", ["only-ann", "gone-bob", "gone-ann", "guess-it"]);
    if (isDialect) expect(answer).toMatchObject({ status: method === "DELETE" ? 200 : 404 });
    else expect(answer).toMatchObject({ status: 404, json: { code: "session_unknown" } });
    expect(await as("ann", "GET", "/sessions/only-ann")).toMatchObject({ status: 200 });
  });

  test("USER-1: a credential of one session reaches no other one of its user", async () => {
    const answer = await sameFor("pod-of-ann", ["only-ann", "gone-ann", "guess-it"]);
    const { json } = answer as { json: { code?: string } };
    if (!isDialect) expect(["session_unknown", "scope_missing"]).toContain(json.code);
    expect(await as("pod-of-ann", "GET", "/sessions/chat")).toMatchObject({ status: 200 });
  });

  test("USER-1: without a valid credential, or without the scope, the answer does not depend on the session", async () => {
    const ids = ["only-ann", "gone-ann", "guess-it"];
    const now = Math.floor(Date.now() / 1000);
    const claims = { sub: "ann", scope: "read write user" };
    const expired = await issuer.token({ ...claims, exp: now - 60 });
    const foreign = await issuer.token({ ...claims, aud: "other" });
    for (const wrong of ["unknown-key", expired, foreign, ""])
      expect(await sameFor(wrong, ids)).toMatchObject({ status: 401 });
    if (!path.endsWith("/mcp")) expect(await sameFor("nothing", ids)).toMatchObject({ status: 403 });
  });
});

test("USER-1: without the scope admin nobody says which pod runs a session, whosever it is", async () => {
  const pod = { namespace: "n", service_account: "a", pod_uid: "u" };
  for (const id of ["only-ann", "only-bob", "gone-bob", "guess-it"])
    for (const who of ["bob", "pod-of-ann"])
      expect(await as(who, "PUT", `/sessions/${id}/pod`, pod)).toMatchObject({
        status: 403,
        json: { code: "scope_missing" },
      });
});

test("USER-1: a token of the issuer is its user", async () => {
  const token = await issuer.token({ sub: "ann", scope: "openid read" });
  expect(await as(token, "GET", "/sessions/only-ann")).toMatchObject({
    status: 200,
    json: { user_id: "ann" },
  });
  expect(await as(token, "GET", "/sessions/only-bob")).toMatchObject({ status: 404 });
});

test("USER-1: one id of two users is two sessions; an admin says which one", async () => {
  expect(await as("bob", "GET", "/sessions/chat")).toMatchObject({ json: { user_id: "bob" } });
  expect(await as("ann", "GET", "/sessions/chat")).toMatchObject({ json: { user_id: "ann" } });
  expect(await as("admin", "GET", "/sessions/only-ann")).toMatchObject({ json: { user_id: "ann" } });
  expect(await as("admin", "GET", "/sessions/chat")).toMatchObject({
    status: 409,
    json: { code: "ambiguous_session" },
  });
  expect(await as("admin", "GET", "/sessions/chat?user_id=bob")).toMatchObject({ json: { user_id: "bob" } });
  expect(await as("admin", "GET", "/sessions/gone-ann")).toMatchObject({ status: 404 });
});

test("USER-1: a credential of one session lists that one, and none that is made by the same id later", async () => {
  const { json } = await as("pod-of-ann", "GET", "/sessions");
  expect(json.sessions.map((it: { session_id: string }) => it.session_id)).toEqual(["chat"]);
  const push = { type: "text", data: {} };
  const before = podOfAnn;
  expect(await as("pod-of-ann", "POST", "/sessions/chat/events", push)).toMatchObject({ status: 200 });
  try {
    podOfAnn = { ...podOfAnn, session: { id: "chat", name: "another" } };
    for (const [method, path] of [
      ["GET", "/sessions/chat"],
      ["POST", "/sessions/chat/events"],
    ] as const)
      expect(await as("pod-of-ann", method, path, method === "POST" ? push : undefined)).toMatchObject({
        status: 404,
      });
    expect(await as("pod-of-ann", "GET", "/sessions")).toMatchObject({ json: { sessions: [] } });
  } finally {
    podOfAnn = before;
  }
});

test("USER-1: naming another user is refused, in a body and in a query", async () => {
  const made = await as("bob", "POST", "/sessions", { session_id: "x", user_id: "ann" });
  expect(made).toMatchObject({ status: 403, json: { code: "user_forbidden" } });
  for (const path of [
    "/sessions?user_id=ann",
    "/sessions/only-ann?user_id=ann",
    "/sessions/guess-it?user_id=ann",
  ])
    expect(await as("bob", "GET", path)).toMatchObject({ status: 403, json: { code: "user_forbidden" } });
  expect(await as("ann", "GET", "/sessions/x")).toMatchObject({ status: 404 });
  const own = await as("bob", "POST", "/sessions", { session_id: "y", user_id: "bob" });
  expect(own).toMatchObject({ status: 201, json: { user_id: "bob" } });
});

test("USER-1: nothing of ann's is in what others get, in metrics or in the log", async () => {
  const shown = [
    await as("bob", "GET", "/sessions"),
    await as("bob", "GET", "/sessions/chat"),
    await as("bob", "GET", "/sessions/chat/events?after=0"),
    await as("bob", "GET", "/sessions/chat/turns"),
    await as("bob", "GET", "/sessions/only-ann/events"),
    await as("bob", "GET", "/api/v1/sessions"),
    await as("bob", "GET", "/api/v1/ops/sessions"),
    ...(await Promise.all(["/health", "/ready", "/metrics", "/"].map((path) => serve.call("GET", path)))),
  ].map(({ json }) => JSON.stringify(json));
  for (const text of shown) {
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain("only-ann");
  }
  const { json: everything } = await as("admin", "GET", "/sessions");
  expect(JSON.stringify(everything)).toContain(SECRET); // an admin sees it
  const log = lines.join("\n");
  for (const secret of [SECRET, ...Object.values(KEYS)]) expect(log).not.toContain(secret);
});
