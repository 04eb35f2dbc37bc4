import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { pino } from "pino";
import { describe, expect, onTestFinished, test } from "vitest";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { guardStore } from "../../../src/cli/up/store-guard.ts";
import { orphanGuard } from "../../../src/embedded/orphan.ts";
import { startBroker, type Broker } from "../../../src/embedded/server.ts";
import { createStoreWatch } from "../../../src/embedded/store-watch.ts";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { silentLogger, type Logger } from "../../../src/shared/base/logger.ts";
import { ADMIN_INBOX, gatewayInbox, RELAY_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import { DEAD_STREAM, EVENTS_STREAM, STATE_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { natsServerPath } from "../../support/broker.ts";
import { createAppender } from "../../support/relay.ts";
import { blocksOf, flipHead, streamFolder } from "../../support/store.ts";
import { temporaryFolder } from "./folder.ts";
import { eventually } from "../../support/eventually.ts";

const ALL = [EVENTS_STREAM, DEAD_STREAM, STATE_STREAM] as const;

async function start(dataDir: string, log: Logger = silentLogger()): Promise<Broker> {
  const broker = await startBroker({
    binary: await natsServerPath(),
    dataDir,
    gateways: [{ gateway: "gw1", runner: "r" }],
    log,
    guard: orphanGuard(process.platform, process.env["PATH"]),
  });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= broker.stop());
  onTestFinished(stop);
  return { ...broker, exited: broker.exited, stop };
}

/** Connects, does the work, and closes: nobody must reconnect while the broker is down. */
async function asAdmin<T>(
  broker: Broker,
  work: (jsm: JetStreamManager, nc: NatsConnection) => Promise<T>,
): Promise<T> {
  const nc = await connectBroker(broker.access("admin"), { name: "test", inboxPrefix: ADMIN_INBOX });
  try {
    return await work(await jetstreamManager(nc), nc);
  } finally {
    await nc.close();
  }
}

function makeLog(broker: Broker): Promise<unknown> {
  return asAdmin(broker, (_, nc) => provision(nc, { logBytes: 64 * 1024 * 1024 }));
}

/** What the streams are and hold. Every provisioning may write into the state. */
function contents(broker: Broker): Promise<unknown> {
  return asAdmin(broker, (jsm) =>
    Promise.all(
      ALL.map(async (name) => {
        const { created, state, config } = await jsm.streams.info(name);
        const { messages, last_seq: last } = state;
        return {
          name,
          created,
          config,
          ...(name === STATE_STREAM ? { held: messages > 0 } : { messages, last }),
        };
      }),
    ),
  );
}

/** A stopped store with an event and a dead letter, and what it holds. */
async function makeStore(): Promise<{ dataDir: string; before: unknown }> {
  const folder = await temporaryFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const broker = await start(folder.path);
  await makeLog(broker);
  const gateway = await connectBroker(broker.access("gateway", "gw1"), {
    name: "test",
    inboxPrefix: gatewayInbox("gw1"),
  });
  await createAppender(gateway, "r").append("ses_1");
  await gateway.close();
  const relay = await connectBroker(broker.access("relay"), { name: "test", inboxPrefix: RELAY_INBOX });
  relay.publish("rr.dead.e1.0.r.s.event", "letter");
  await relay.flush();
  await relay.close();
  const before = await contents(broker);
  await broker.stop();
  return { dataDir: folder.path, before };
}

/** What a crash between the two files of a stream's creation, or a power loss, leaves of the second. */
const SEALS: [string, (file: string) => void][] = [
  ["missing", (file) => rmSync(file)],
  ["empty", (file) => writeFileSync(file, "")],
  ["torn", (file) => truncateSync(file, 5)],
];

describe("SETTLE-1: a stream without its seal is not forgotten", () => {
  test.each(SEALS)("%s, of each stream", async (_, damage) => {
    const { dataDir, before } = await makeStore();
    for (const stream of ALL) {
      damage(join(streamFolder(dataDir, stream), "meta.sum"));
      const broker = await start(dataDir);
      expect(await contents(broker)).toEqual(before);
      await makeLog(broker);
      expect(await contents(broker)).toEqual(before);
      await broker.stop();
    }
  });

  test("of all at once; also when only the broker crashed and is started again", async () => {
    const { dataDir, before } = await makeStore();
    const broker = await start(dataDir);
    process.kill(broker.pid(), "SIGKILL");
    await broker.exited;
    for (const stream of ALL) rmSync(join(streamFolder(dataDir, stream), "meta.sum"));
    await broker.restart();
    expect(await contents(broker)).toEqual(before);
  });

  test("provisioning writes it again, so that a broker that is not ours has it at its next start", async () => {
    const { dataDir } = await makeStore();
    const broker = await start(dataDir);
    const seals = ALL.map((stream) => join(streamFolder(dataDir, stream), "meta.sum"));
    const before = seals.map((file) => readFileSync(file, "utf8"));
    for (const file of seals) rmSync(file);
    await makeLog(broker);
    expect(seals.map((file) => readFileSync(file, "utf8"))).toEqual(before);
  });

  test("consumers without seals, or without anything, are made anew where the checkpoints stand", async () => {
    const { dataDir, before } = await makeStore();
    const consumers = join(streamFolder(dataDir, EVENTS_STREAM), "obs");
    rmSync(join(consumers, "relay-0/meta.sum"));
    writeFileSync(join(consumers, "relay-1/meta.sum"), "");
    writeFileSync(join(consumers, "relay-2/meta.inf"), "");
    rmSync(join(consumers, "relay-3"), { recursive: true });
    const broker = await start(dataDir);
    await makeLog(broker);
    expect(await contents(broker)).toEqual(before);
    await asAdmin(broker, async (jsm) => {
      for (let shard = 0; shard < 8; shard++)
        expect(await jsm.consumers.info(EVENTS_STREAM, `relay-${shard}`)).toMatchObject({
          num_ack_pending: 0,
        });
    });
  });
});

describe("SETTLE-1: a stream that the broker would forget is refused by name, and nothing is changed", () => {
  test.each<[string, (folder: string) => void]>([
    ["meta.inf is empty", (folder) => writeFileSync(join(folder, "meta.inf"), "")],
    ["both are gone", (folder) => ["meta.inf", "meta.sum"].forEach((file) => rmSync(join(folder, file)))],
    ["meta.inf is torn", (folder) => truncateSync(join(folder, "meta.inf"), 100)],
    ["the seal is another's", (folder) => writeFileSync(join(folder, "meta.sum"), "0123456789abcdef")],
  ])("%s, of each stream", async (_, damage) => {
    const { dataDir, before } = await makeStore();
    for (const stream of ALL) {
      const folder = streamFolder(dataDir, stream);
      const files = ["meta.inf", "meta.sum"].map((name) => join(folder, name));
      const good = files.map((file) => readFileSync(file));
      damage(folder);
      const refused = expect.objectContaining({
        code: "store_damaged",
        message: expect.stringContaining(folder),
      });
      await expect(start(dataDir)).rejects.toEqual(refused);
      for (const [i, file] of files.entries()) writeFileSync(file, good[i] ?? "");
    }
    const broker = await start(dataDir); // what was given back is as it was
    expect(await contents(broker)).toEqual(before);
  });

  test("a foreign stream, and a folder in which nothing was stored, do not stop it", async () => {
    const { dataDir, before } = await makeStore();
    const other = streamFolder(dataDir, "OTHER");
    mkdirSync(join(other, "msgs"), { recursive: true });
    writeFileSync(join(other, "msgs/1.blk"), "something");
    const broker = await start(dataDir);
    expect(await contents(broker)).toEqual(before);
    await broker.stop();
    const fresh = await temporaryFolder();
    onTestFinished(() => fresh[Symbol.asyncDispose]());
    mkdirSync(join(streamFolder(fresh.path, EVENTS_STREAM), "msgs"), { recursive: true });
    await makeLog(await start(fresh.path));
  });
});

test("SETTLE-1: a number far beyond the one before it costs what follows it, and neither memory nor the broker", async () => {
  const { dataDir } = await makeStore();
  const lines: string[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });
  flipHead(blocksOf(dataDir, STATE_STREAM).at(-1) ?? "", "far");
  const broker = await start(dataDir, log);
  expect(lines.join("")).toContain("the stream's index is removed");
  await asAdmin(broker, async (jsm) => {
    const { state } = await jsm.streams.info(STATE_STREAM);
    expect(state.messages).toBeGreaterThan(0);
    expect(state.last_seq).toBeLessThan(1000);
  });
});

test("SETTLE-1: a store that was removed while nothing ran is made anew, and that is said", async () => {
  const { dataDir } = await makeStore();
  const codes: unknown[] = [];
  const log = pino({ level: "error" }, { write: (line: string) => codes.push(JSON.parse(line).code) });
  const again = await start(dataDir, log);
  await again.stop();
  expect(codes).toEqual([]);
  rmSync(join(dataDir, "broker/store"), { recursive: true });
  await start(dataDir, log);
  expect(codes).toEqual(["store_lost"]);
});

test.each(["meta.inf", "meta.sum"])(
  "a %s that goes while the broker runs is written again at once",
  async (name) => {
    const { dataDir } = await makeStore();
    const broker = await start(dataDir);
    const admin = await connectBroker(broker.access("admin"), { name: "up", inboxPrefix: ADMIN_INBOX });
    const watch = createStoreWatch(dataDir, ALL);
    const ended: string[] = [];
    const guard = guardStore({
      store: {
        watch,
        staging: broker.staging,
        lost: new Promise(() => {}),
        end: async () => void ended.push("end"),
      },
      admin,
      clock: systemClock,
      log: silentLogger(),
    });
    const file = join(streamFolder(dataDir, STATE_STREAM), name);
    const before = readFileSync(file, "utf8");
    rmSync(file);
    await eventually(() => expect(readFileSync(file, "utf8")).toBe(before));
    guard.stop();
    await admin.close();
    expect(ended).toEqual([]);
  },
);
