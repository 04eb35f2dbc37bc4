import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { expect, onTestFinished, test } from "vitest";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { provisionSessions, type SessionsProvisioned } from "../../../src/shared/session-log/provision.ts";
import { startTestBroker } from "../../support/broker.ts";
import { startPlainServer } from "../../support/plain-server.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

type Home = { nc: NatsConnection; jsm: JetStreamManager };

/** What `up` and `provision` do, one after the other. */
async function both(nc: NatsConnection, freeBytes?: number): Promise<SessionsProvisioned> {
  const free = freeBytes === undefined ? {} : { freeBytes };
  const { isNew } = await provision(nc, { logBytes: 16 * MIB, ...free });
  return await provisionSessions(nc, { replicas: 1, isNew, ...free });
}

async function home(): Promise<Home> {
  const broker = await startTestBroker({ sync: false });
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const nc = await broker.connect("admin");
  return { nc, jsm: await jetstreamManager(nc) };
}

async function limited(account: string): Promise<Home> {
  const settings = `accounts { A { jetstream { ${account} }, users: [{user: u, password: p}] } }`;
  const server = await startPlainServer({ jetstream: true, settings });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const nc = await connect({ servers: server.url, user: "u", pass: "p" });
  onTestFinished(() => nc.close());
  return { nc, jsm: await jetstreamManager(nc) };
}

test("a new data folder gets the log of sessions and its bucket, and a second start changes nothing", async () => {
  const { nc, jsm } = await home();
  const first = await both(nc, 8 * GIB + 288 * MIB);
  expect(first).toMatchObject({ kind: "there", maxBytes: 2 * GIB });
  expect(first.kind === "there" && first.changes).toHaveLength(2);
  expect((await jsm.streams.info("RR_SESSIONS")).config).toMatchObject({
    subjects: ["rr.ses.>"],
    retention: "limits",
    storage: "file",
    discard: "new",
    max_age: 0,
    max_bytes: 2 * GIB,
    allow_direct: true,
    allow_atomic: true,
    republish: { src: "rr.ses.>", dest: "rr.live.>" },
  });
  expect((await jsm.streams.info("KV_RR_SES_STATE")).config).toMatchObject({
    subjects: ["$KV.RR_SES_STATE.>"],
    max_msgs_per_subject: 1,
    discard: "new",
    allow_direct: true,
    allow_msg_ttl: true,
    max_bytes: 32 * MIB,
  });
  expect(await both(nc, 100 * GIB)).toEqual({ kind: "there", maxBytes: 2 * GIB, changes: [] });
});

test("a data folder from before sessions gains them, sized by what its log of events leaves", async () => {
  const { nc } = await home();
  await provision(nc, { logBytes: 16 * MIB });
  const gained = await both(nc, 2 * GIB + 288 * MIB + 16 * MIB);
  expect(gained).toMatchObject({ kind: "there", maxBytes: GIB });
});

test("without room there is no log of sessions, everything else works, and more room brings it", async () => {
  const { nc, jsm } = await home();
  const none = await both(nc, 500 * MIB);
  expect(none).toEqual({ kind: "absent", why: expect.stringContaining("no room for 256 MiB") });
  await expect(jsm.streams.info("RR_SESSIONS")).rejects.toThrow(/not found/);
  expect((await jsm.streams.info("RR_EVENTS")).config.max_bytes).toBe(16 * MIB);
  expect(await both(nc, 10 * GIB)).toMatchObject({ kind: "there" });
});

test("a stream of that name with other settings is left alone", async () => {
  const { nc, jsm } = await home();
  await jsm.streams.add({ name: "RR_SESSIONS", subjects: ["rr.ses.>"], max_age: 1_000_000_000 });
  const none = await both(nc);
  expect(none).toEqual({ kind: "absent", why: expect.stringContaining("max_age is 1000000000") });
  expect((await jsm.streams.info("RR_SESSIONS")).config.max_age).toBe(1_000_000_000);
});

test("on your own broker the log of sessions is made for the log's size, and smaller where the limits leave less", async () => {
  const { nc } = await limited("max_file: 4G, max_mem: 64M");
  const { isNew } = await provision(nc, { logBytes: 2700 * MIB });
  expect(await provisionSessions(nc, { replicas: 1, isNew })).toMatchObject({
    kind: "there",
    maxBytes: 750 * MIB,
  });
});

test("an operator's size of the log of sessions is made, widened, never made smaller, and never taken for less", async () => {
  const { nc } = await limited("max_file: 4G, max_mem: 64M");
  const { isNew } = await provision(nc, { logBytes: 16 * MIB });
  const sized = (bytes: number): Promise<SessionsProvisioned> =>
    provisionSessions(nc, { replicas: 1, isNew, bytes });
  await expect(sized(4 * GIB)).rejects.toMatchObject({
    code: "broker_limited",
    message: expect.stringContaining("--sessions-bytes"),
  });
  expect(await sized(64 * MIB)).toMatchObject({ kind: "there", maxBytes: 64 * MIB });
  expect(await sized(1 * GIB)).toMatchObject({ kind: "there", maxBytes: 1 * GIB });
  expect(await sized(64 * MIB)).toMatchObject({ kind: "there", maxBytes: 1 * GIB });
});

test.each([
  ["storage", "max_file: 500M, max_mem: 64M", /max_file/],
  ["streams", "max_file: 20G, max_mem: 64M, max_streams: 3", /maximum number of streams/],
])("a limit of its %s is the reason that there are no sessions", async (_, account, why) => {
  const { nc, jsm } = await limited(account);
  expect(await both(nc)).toEqual({ kind: "absent", why: expect.stringMatching(why) });
  await expect(jsm.streams.info("RR_SESSIONS")).rejects.toThrow(/not found/);
});

test("two that provision at once make one", async () => {
  const { nc } = await home();
  await provision(nc, { logBytes: 16 * MIB });
  const options = { replicas: 1, isNew: false, freeBytes: 10 * GIB };
  const made = await Promise.all([provisionSessions(nc, options), provisionSessions(nc, options)]);
  expect(made.map(({ kind }) => kind)).toEqual(["there", "there"]);
});
