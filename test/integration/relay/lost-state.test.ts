import { shardOf } from "../../support/eight-shards.ts";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { describe, expect, it } from "vitest";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { openControl } from "../../../src/shared/log/state/control.ts";
import { decodeCheckpoint } from "../../../src/shared/log/state/checkpoint.ts";
import { readDamages } from "../../../src/shared/log/state/damage.ts";
import { isCoded } from "../../../src/shared/base/errors.ts";
import { readState } from "../../../src/shared/log/state/state-store.ts";
import { questionSubject, RECEIPT_SUBJECT } from "../../../src/shared/log/schema/subjects.ts";
import {
  consumerName,
  EVENTS_STREAM,
  STATE_STREAM,
  stateKey,
} from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { createAppender, startTestRelay } from "../../support/relay.ts";
import { blocksOf, flip, forgetIndex, streamFolder, truncate } from "../../support/store.ts";

const small = { logBytes: 16 * 1024 * 1024 };
const SHARD: number = shardOf("hot");

type Sent = { id: string; seq: number };

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** In order: a kill would lose the acks, which are what must not be taken for deliveries. */
async function stopBroker(broker: TestBroker): Promise<void> {
  process.kill(broker.pid(), "SIGTERM");
  await expect.poll(() => isAlive(broker.pid())).toBe(false);
}

async function managerOf(broker: TestBroker): Promise<JetStreamManager> {
  return await jetstreamManager(await broker.connect("admin"), { checkAPI: false });
}

/** Events that nothing remembers as waiting but a pointer: their consumer has them behind it, their checkpoint counts them as settled. */
async function heldLog(broker: TestBroker): Promise<{ sent: Sent[]; early: string; late: string }> {
  const state = streamFolder(broker.dataDir, STATE_STREAM);
  const [early, late] = [join(broker.dataDir, "early"), join(broker.dataDir, "late")];
  await provision(await broker.connect("admin"), small);
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  {
    await using _relay = await startTestRelay(broker, coordinator.url);
    const { append } = createAppender(await broker.connect("gateway"));
    for (let i = 0; i < 5; i++) await append("hot");
    await expect.poll(() => coordinator.writes("hot").length).toBe(5);
  }
  await stopBroker(broker);
  cpSync(state, early, { recursive: true });
  await broker.restart();
  const sent: Sent[] = [];
  {
    const jsm = await managerOf(broker);
    const control = await openControl(await broker.connect("operator"), systemClock);
    await control.pauseSession("hot", "why");
    await using _relay = await startTestRelay(broker, coordinator.url);
    const { append } = createAppender(await broker.connect("gateway"));
    for (let i = 0; i < 60; i++) sent.push(await append("hot"));
    const last = sent.at(-1)?.seq ?? Infinity;
    const behind = async (): Promise<boolean> => {
      const stored = await readState(jsm, stateKey.checkpoint(SHARD));
      const { ack_floor: acked } = await jsm.consumers.info(EVENTS_STREAM, consumerName(SHARD));
      return stored !== undefined && decodeCheckpoint(stored.value).floor >= last && acked.stream_seq >= last;
    };
    await expect.poll(behind).toBe(true);
  }
  await stopBroker(broker);
  cpSync(state, late, { recursive: true });
  return { sent, early, late };
}

/** In order, when an operator lets the session go on. */
async function everythingArrives(
  broker: TestBroker,
  coordinator: Pick<Awaited<ReturnType<typeof startCoordinator>>, "writes">,
  sent: Sent[],
): Promise<void> {
  const control = await openControl(await broker.connect("operator"), systemClock);
  await control.resumeSession("hot").catch((error: unknown) => {
    if (!isCoded(error, "nothing_found")) throw error; // the pause is lost as well
  });
  const ids = sent.map(({ id }) => id);
  const arrived = (): string[] => {
    const keys = coordinator.writes("hot").flatMap(({ status, key = "" }) => (status < 300 ? [key] : []));
    return [...new Set(keys)].filter((key) => ids.includes(key));
  };
  await expect.poll(arrived).toEqual(ids);
}

/** Either the start is refused until somebody says where to begin, or every event arrives; no receipt says otherwise. */
async function startedAgain(broker: TestBroker, sent: Sent[]): Promise<"refused" | "delivered"> {
  await broker.restart();
  try {
    await provision(await broker.connect("admin"), small);
  } catch (error) {
    if (isCoded(error, "checkpoint_missing")) return "refused";
    throw error;
  }
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  coordinator.faults.set([{ session: "hot", action: { kind: "status", status: 503 } }]);
  await using relay = await startTestRelay(broker, coordinator.url, { retarget: true });
  const gateway = await broker.connect("gateway");
  const receipt = await gateway.request(
    questionSubject(RECEIPT_SUBJECT, "gw1"),
    JSON.stringify(sent.at(-1)),
    {
      timeout: 20_000,
    },
  );
  expect(receipt.json<{ state: string }>().state).not.toBe("delivered");
  coordinator.faults.clear();
  await everythingArrives(broker, coordinator, sent);
  expect(relay.fatal).toEqual([]);
  return "delivered";
}

describe("SETTLE-1: a state bucket that lost records hides no event of a held session", () => {
  it("its newest records are gone, and with them all that says the session was held", async () => {
    await using broker = await startTestBroker();
    const { sent, early } = await heldLog(broker);
    rmSync(streamFolder(broker.dataDir, STATE_STREAM), { recursive: true });
    cpSync(early, streamFolder(broker.dataDir, STATE_STREAM), { recursive: true });
    expect(await startedAgain(broker, sent)).toBe("delivered");
  });

  it("pointer and mark are gone: the checkpoint that counts the events as settled names the session", async () => {
    await using broker = await startTestBroker();
    const { sent } = await heldLog(broker);
    await broker.restart();
    const jsm = await managerOf(broker);
    for (const key of [stateKey.held("hot"), stateKey.mark])
      await jsm.streams.purge(STATE_STREAM, { filter: `$KV.RR_STATE.${key}` });
    await stopBroker(broker);
    expect(await startedAgain(broker, sent)).toBe("delivered");
    const damage = await readDamages(await managerOf(broker));
    for (const lost of ["hot", "the mark of the log"])
      expect(damage).toContainEqual(
        expect.objectContaining({ code: "state_damaged", note: expect.stringContaining(lost) as string }),
      );
  });

  it("bits of its block are turned, or the block is cut, wherever", async () => {
    await using broker = await startTestBroker();
    const { sent, late } = await heldLog(broker);
    const folder = streamFolder(broker.dataDir, STATE_STREAM);
    const seen = new Set<string>();
    for (const harm of [0.15, 0.35, 0.6, 0.8, 0.95].flatMap((at) => [
      (file: string) => flip(file, at),
      (file: string) => truncate(file, at),
    ])) {
      rmSync(folder, { recursive: true });
      cpSync(late, folder, { recursive: true });
      harm(blocksOf(broker.dataDir, STATE_STREAM).at(-1) ?? "");
      forgetIndex(broker.dataDir, STATE_STREAM);
      seen.add(await startedAgain(broker, sent));
      await stopBroker(broker);
    }
    expect(seen).toContain("delivered");
  }, 300_000);

  it("it lost them under a running relay, which knows what it held", async () => {
    await using broker = await startTestBroker();
    const { sent, early } = await heldLog(broker);
    await broker.restart();
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    await using relay = await startTestRelay(broker, coordinator.url, { retarget: true });
    const listed = async (): Promise<number> =>
      (JSON.parse((await relay.get("/status")).text) as { held: unknown[] }).held.length;
    const { append } = createAppender(await broker.connect("gateway"));
    sent.push(await append("hot"));
    await expect.poll(listed).toBe(1);
    await stopBroker(broker);
    rmSync(streamFolder(broker.dataDir, STATE_STREAM), { recursive: true });
    cpSync(early, streamFolder(broker.dataDir, STATE_STREAM), { recursive: true });
    await broker.restart();
    const jsm = await managerOf(broker);
    await expect
      .poll(() => readDamages(jsm))
      .toMatchObject([{ code: "state_damaged", note: expect.stringContaining("hot") as string }]);
    await everythingArrives(broker, coordinator, sent);
    expect(relay.fatal).toEqual([]);
  });
});
