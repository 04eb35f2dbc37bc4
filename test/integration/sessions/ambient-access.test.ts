import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAccess } from "../../../src/sessions/access/access.ts";
import type { Scope } from "../../../src/sessions/access/caller.ts";
import { createExpiries } from "../../../src/sessions/access/expiries.ts";
import { createKeyRing, type KeyRing } from "../../../src/sessions/access/key-ring.ts";
import { sha256, type Key } from "../../../src/sessions/access/keys.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import type { TestBroker } from "../../support/broker.ts";
import { selfSigned } from "../../support/certificate.ts";
import { podClient, type PodClient, type Status } from "../../support/pod-client.ts";
import { startTestServe, type TestServe } from "../../support/serve.ts";
import { sessionsBroker } from "../session-log/harness.ts";

const KEYS: Key[] = [
  keyOf("ann", "ann", ["read", "write", "user"]),
  keyOf("bob", "bob", ["read", "write", "user"]),
  keyOf("pod-of-ann", "ann", ["read", "write"]),
  keyOf("reader", "ann", ["read"]),
  keyOf("admin", "root", ["read", "write", "user", "admin"]),
  keyOf("leaver", "ann", ["read", "write"]),
];

let broker: TestBroker;
let ring: KeyRing;
let serve: TestServe;
let folder: string;
const { certificate, key: privateKey } = selfSigned();
const expiries = createExpiries(systemClock);
const clients: PodClient[] = [];

function keyOf(secret: string, user: string, scopes: Scope[]): Key {
  return { sha256: sha256(secret), user, scopes: new Set(scopes) };
}

/** With TLS, so that everything here is also seen to work by that. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "rr-pods-"));
  const tls = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  writeFileSync(tls.cert, certificate);
  writeFileSync(tls.key, privateKey);
  broker = await sessionsBroker();
  ring = createKeyRing(randomBytes(32), KEYS);
  const access = createAccess({ keys: ring, tokens: undefined, expiries, open: false });
  serve = await startTestServe(broker, { access, entrance: { tls } });
});
afterAll(async () => {
  for (const client of clients) client.close();
  await serve?.[Symbol.asyncDispose]();
  expiries.close();
  await broker?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function as(key: string): PodClient {
  const client = podClient(serve.url, { key, ca: certificate });
  clients.push(client);
  return client;
}

async function failure(call: Promise<unknown>): Promise<Status> {
  return await call.then(
    () => ({ code: status.OK, details: "" }),
    (error: Status) => error,
  );
}

test("USER-1: one id of two users is two sessions, for pushes and watches", async () => {
  const ofAnn = await as("ann").push("same", "assistant", "of ann");
  const watch = as("bob").watch("same");
  const ofBob = await as("bob").push("same", "assistant", "of bob");
  expect(await watch.first(1)).toEqual([ofBob]);
  const own = as("ann").watch("same");
  expect(await own.first(1)).toEqual([ofAnn]);
  for (const it of [watch, own]) it.cancel();
});

test("USER-1: who acts for all users says whose session is meant", async () => {
  await as("ann").push("theirs", "assistant", "1");
  await as("bob").push("theirs", "assistant", "2");
  const admin = as("admin");
  expect(await failure(admin.push("theirs", "assistant", "x"))).toMatchObject({
    code: status.FAILED_PRECONDITION,
  });
  await admin.push("theirs", "assistant", "3", { user: "bob" });
  const watch = as("bob").watch("theirs");
  expect((await watch.first(2)).map(({ payload }) => payload)).toEqual(["2", "3"]);
  watch.cancel();
  expect(await failure(as("ann").push("theirs", "assistant", "x", { user: "bob" }))).toMatchObject({
    code: status.PERMISSION_DENIED,
  });
});

test("a pod says nothing in the name of people, and a reader nothing at all", async () => {
  await as("pod-of-ann").push("scoped", "assistant", "x");
  expect(await failure(as("pod-of-ann").push("scoped", "user", "x"))).toMatchObject({
    code: status.PERMISSION_DENIED,
  });
  expect(await failure(as("reader").push("scoped", "assistant", "x"))).toMatchObject({
    code: status.PERMISSION_DENIED,
  });
  const said = await as("ann").push("scoped", "user", "hello");
  const watch = as("pod-of-ann").watch("scoped");
  expect((await watch.first(2))[1]).toEqual(said);
  watch.cancel();
});

test("a watch ends when its key is removed, also while it waits for its session", async () => {
  const client = as("leaver");
  await client.push("left", "assistant", "x");
  const watches = [client.watch("left"), client.watch("not-yet")];
  await watches[0]?.first(1);
  ring.replace(KEYS.filter(({ sha256: hash }) => hash !== sha256("leaver")));
  for (const watch of watches) expect(await watch.ended).toMatchObject({ code: status.UNAUTHENTICATED });
  expect(await failure(client.push("left", "assistant", "x"))).toMatchObject({
    code: status.UNAUTHENTICATED,
  });
});

test("a server that stops ends its watches, answers what is under way, and its next run goes on", async () => {
  const second = await startTestServe(broker, {
    access: createAccess({ keys: ring, tokens: undefined, expiries, open: false }),
  });
  const client = podClient(second.url, { key: "ann" });
  const first = await client.push("restart", "assistant", "1");
  const watches = [client.watch("restart"), client.watch("not-there-yet")];
  await watches[0]?.first(1);
  const pushes = Array.from({ length: 20 }, (_, i) =>
    failure(client.push("restart", "assistant", `more ${i}`)),
  );
  await second.close();
  for (const watch of watches) expect(await watch.ended).toMatchObject({ code: status.UNAVAILABLE });
  const stored = (await Promise.all(pushes)).filter(({ code }) => code === status.OK).length;
  client.close();
  const watch = as("ann").watch("restart", first.seq);
  await watch.first(stored);
  watch.cancel();
});

test("clients of HTTPS that speak both versions stay with HTTP/1.1", async () => {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const asked = httpsRequest(
    `${serve.url}/health`,
    { ca: certificate, agent: new Agent({ ALPNProtocols: ["h2", "http/1.1"] }) },
    (answer) => {
      resolve(`${answer.httpVersion} ${answer.statusCode}`);
      answer.resume();
    },
  );
  asked.on("error", reject);
  asked.end();
  expect(await promise).toBe("1.1 200");
});
