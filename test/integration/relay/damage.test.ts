import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { describe, expect, it } from "vitest";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { damageText, readDamages, type Damage } from "../../../src/shared/log/state/damage.ts";
import { decodeHeld, encodeHeld } from "../../../src/shared/log/state/held.ts";
import { decodeMark } from "../../../src/shared/log/state/log-mark.ts";
import { readState, writeState } from "../../../src/shared/log/state/state-store.ts";
import { questionSubject, RECEIPT_SUBJECT } from "../../../src/shared/log/schema/subjects.ts";
import {
  DEAD_STREAM,
  EVENTS_STREAM,
  STATE_STREAM,
  stateKey,
} from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startTestConsole } from "../../support/console.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { createAppender, startTestRelay } from "../../support/relay.ts";
import { blocksOf, flip, forgetIndex, streamFolder } from "../../support/store.ts";

const SESSIONS = 6;
/** With 60 kB each they fill three blocks of 4 MiB, as a log of 16 MiB has them. */
const EVENTS = 180;
const small = { logBytes: 16 * 1024 * 1024 };

/** A log of events that all wait, and one dead letter; the relay that saw them is gone. */
async function waitingLog(broker: TestBroker): Promise<{ id: string; seq: number }[]> {
  await provision(await broker.connect("admin"), small);
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  await using relay = await startTestRelay(broker, coordinator.url);
  const { append } = createAppender(await broker.connect("gateway"), "r1");
  await append("refused", { error: { code: 1 } });
  const jsm = await jetstreamManager(await broker.connect("admin"), { checkAPI: false });
  const letters = async (): Promise<number> => (await jsm.streams.info(DEAD_STREAM)).state.messages;
  await expect.poll(letters).toBe(1);
  coordinator.faults.set([{ path: "events$", action: { kind: "status", status: 503 } }]);
  const sent: { id: string; seq: number }[] = [];
  for (let i = 0; i < EVENTS; i++)
    sent.push(await append(`ses_${i % SESSIONS}`, { pad: "x".repeat(60_000) }));
  const marked = async (): Promise<number> => {
    const stored = await readState(jsm, stateKey.mark);
    return stored === undefined
      ? 0
      : (decodeMark(stored.value).waiting ?? []).reduce((sum, [, n]) => sum + n, 0);
  };
  await expect.poll(marked).toBe(EVENTS);
  expect(relay.fatal).toEqual([]);
  return sent;
}

/** What a start after the damage says, with everything that still can be delivered. */
async function startedAgain(
  broker: TestBroker,
  from?: "first",
): Promise<{ damage: Damage[]; keys: Set<string> }> {
  await provision(await broker.connect("admin"), { ...small, ...(from === undefined ? {} : { from }) });
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  const lines: string[] = [];
  await using relay = await startTestRelay(broker, coordinator.url, {
    retarget: true,
    onLine: (line) => lines.push(line),
  });
  const jsm = await jetstreamManager(await broker.connect("operator"), { checkAPI: false });
  const left = (await jsm.streams.info(EVENTS_STREAM)).state.messages;
  const keys = (): Set<string> => new Set(coordinator.writes().map(({ key }) => key ?? ""));
  await expect.poll(() => keys().size).toBeGreaterThanOrEqual(left - 2); // without the refused one, and what only takes numbers
  const damage = await readDamages(jsm);
  for (const it of damage) expect(lines.join("\n"), "the log says it").toContain(it.id);
  const metrics = (await relay.get("/metrics")).text;
  for (const { code, missing } of damage)
    expect(metrics).toContain(`runner_relay_missing_events{code="${code}"} ${missing}`);
  await using page = await startTestConsole(broker);
  const shown = (await (await page.get("/status.json")).json()) as { damage: Damage[] };
  expect(shown.damage).toEqual(damage);
  expect(relay.fatal).toEqual([]);
  return { damage, keys: keys() };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const block = (broker: TestBroker, i: number): string => blocksOf(broker.dataDir, EVENTS_STREAM).at(i) ?? "";
const index = (broker: TestBroker): void => forgetIndex(broker.dataDir, EVENTS_STREAM);

describe("SETTLE-1: what a damaged log lost is delivered or named, session by session", () => {
  it.each<[string, Damage["code"], (broker: TestBroker) => void]>([
    ["a flipped bit in its first block", "log_holes", (it) => (flip(block(it, 0), 0.5), index(it))],
    ["its first block is gone", "log_holes", (it) => rmSync(block(it, 0))],
    ["a block in the middle is gone", "log_holes", (it) => (rmSync(block(it, 1)), index(it))],
    ["a flipped bit in its last block", "log_shortened", (it) => (flip(block(it, -1), 0.4), index(it))],
    ["its last block is gone", "log_shortened", (it) => (rmSync(block(it, -1)), index(it))],
    [
      "all blocks are gone",
      "log_shortened",
      (it) => rmSync(join(streamFolder(it.dataDir, EVENTS_STREAM), "msgs"), { recursive: true }),
    ],
  ])("%s", async (_, code, harm) => {
    await using broker = await startTestBroker();
    const sent = await waitingLog(broker);
    await broker.kill9();
    harm(broker);
    await broker.restart();
    const { damage, keys } = await startedAgain(broker);
    const lost = sent.filter(({ id }) => !keys.has(id));
    expect(lost.length).toBeGreaterThan(0);
    expect(damage.map((it) => it.code)).toEqual([code]);
    const [found] = damage;
    const named = (found?.sessions ?? []).reduce((sum, [, events]) => sum + events, 0);
    expect(named).toBe(lost.length);
    expect(found?.sessions.length).toBe(SESSIONS);
    for (const { seq } of lost)
      expect(
        found?.ranges.some(([from, to]) => from <= seq && seq <= to),
        `${seq} is named`,
      ).toBe(true);
    await using again = await startTestRelay(broker, "http://127.0.0.1:9", { retarget: true });
    const gateway = await broker.connect("gateway");
    const receipt = await gateway.request(questionSubject(RECEIPT_SUBJECT, "gw1"), JSON.stringify(lost[0]), {
      timeout: 20_000,
    });
    expect(receipt.json()).toMatchObject({ state: "lost", reason: damageText(found as Damage) });
    expect(again.fatal).toEqual([]);
  });

  it("a log that is gone is not made anew by itself", async () => {
    await using broker = await startTestBroker();
    await waitingLog(broker);
    await broker.kill9();
    rmSync(streamFolder(broker.dataDir, EVENTS_STREAM), { recursive: true });
    await broker.restart();
    const refused = provision(await broker.connect("admin"), small);
    await expect(refused).rejects.toMatchObject({
      code: "log_gone",
      message: expect.stringContaining(`${EVENTS} of them of ${SESSIONS} sessions`) as string,
    });
    const jsm = await jetstreamManager(await broker.connect("admin"), { checkAPI: false });
    await expect(jsm.streams.info(EVENTS_STREAM)).rejects.toThrow("stream not found");
  });

  it("after a new start with --from the loss is still listed as damage, and sequences stay higher", async () => {
    await using broker = await startTestBroker();
    await waitingLog(broker);
    await broker.kill9();
    rmSync(streamFolder(broker.dataDir, EVENTS_STREAM), { recursive: true });
    await broker.restart();
    const { damage } = await startedAgain(broker, "first");
    expect(damage).toMatchObject([{ code: "log_gone", missing: EVENTS + 1 }]);
    expect(damage[0]?.sessions).toHaveLength(SESSIONS);
    const { append } = createAppender(await broker.connect("gateway"), "r1");
    expect((await append("ses_0")).seq).toBeGreaterThan(EVENTS + 1);
  });

  it("dead letters that are gone are counted", async () => {
    await using broker = await startTestBroker();
    await waitingLog(broker);
    await broker.kill9();
    rmSync(streamFolder(broker.dataDir, DEAD_STREAM), { recursive: true });
    await broker.restart();
    const { damage } = await startedAgain(broker);
    expect(damage).toMatchObject([{ code: "dead_letters_gone", missing: 1 }]);
  });

  it.each([
    ["in the middle", 0.5],
    ["the first of all", 0.0005],
  ])("an event that the broker has and cannot read is named though no gap shows: %s", async (_, at) => {
    await using broker = await startTestBroker();
    const sent = await waitingLog(broker);
    process.kill(broker.pid(), "SIGTERM"); // in order, so that there is an index, and nothing is read at the start
    const msgs = join(streamFolder(broker.dataDir, EVENTS_STREAM), "msgs");
    await expect.poll(() => existsSync(join(msgs, "index.db"))).toBe(true);
    await expect.poll(() => isAlive(broker.pid())).toBe(false);
    flip(block(broker, -1), at);
    await broker.restart();
    await provision(await broker.connect("admin"), small);
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    await using relay = await startTestRelay(broker, coordinator.url, { retarget: true });
    const keys = (): Set<string> => new Set(coordinator.writes().map(({ key }) => key ?? ""));
    const jsm = await jetstreamManager(await broker.connect("operator"), { checkAPI: false });
    const silent = async (): Promise<number> => {
      const ranges = (await readDamages(jsm)).flatMap((damage) => damage.ranges);
      const lost = sent.filter(({ id }) => !keys().has(id));
      return lost.filter(({ seq }) => !ranges.some(([from, to]) => from <= seq && seq <= to)).length;
    };
    await expect.poll(silent).toBe(0);
    const damage = await readDamages(jsm);
    const named = damage.flatMap(({ sessions }) => sessions).reduce((sum, [, events]) => sum + events, 0);
    expect(named).toBe(EVENTS - keys().size);
    expect(named).toBeGreaterThan(0);
    expect(relay.fatal).toEqual([]);
  });

  it("a held session whose pointer is gone is not forgotten: it is written again, and said", async () => {
    await using broker = await startTestBroker();
    await waitingLog(broker);
    const admin = await broker.connect("admin");
    const jsm = await jetstreamManager(admin, { checkAPI: false });
    const key = stateKey.held("ses_1");
    const record = { v: 1, session: "ses_1", from: 3, reason: "parked", text: "why", since: 0 } as const;
    await writeState(admin, key, encodeHeld(record), 0);
    {
      await using relay = await startTestRelay(broker, "http://127.0.0.1:9", { retarget: true });
      const sees = async (): Promise<unknown> => {
        const stored = await readState(jsm, stateKey.mark);
        return stored && decodeMark(stored.value).held;
      };
      await expect.poll(sees).toEqual([["ses_1", 3, "parked"]]);
      expect(relay.fatal).toEqual([]);
    }
    await jsm.streams.purge(STATE_STREAM, { filter: `$KV.RR_STATE.${key}` }); // as a flipped bit does: nothing is left of it
    await using again = await startTestRelay(broker, "http://127.0.0.1:9", { retarget: true });
    const [found] = await readDamages(jsm);
    expect(found).toMatchObject({
      code: "state_damaged",
      missing: 1,
      note: expect.stringContaining("ses_1") as string,
    });
    const stored = await readState(jsm, key);
    expect(decodeHeld(stored?.value ?? new Uint8Array())).toMatchObject({
      session: "ses_1",
      from: 3,
      reason: "parked",
    });
    expect(again.fatal).toEqual([]);
  });

  it("events that are deleted from the log under a running relay are named within seconds", async () => {
    await using broker = await startTestBroker();
    const sent = await waitingLog(broker);
    const admin = await jetstreamManager(await broker.connect("admin"), { checkAPI: false });
    await using relay = await startTestRelay(broker, "http://127.0.0.1:9", { retarget: true });
    const [, , third] = sent;
    await expect
      .poll(async () => {
        const stored = await readState(admin, stateKey.mark);
        return stored && decodeMark(stored.value).waiting?.length;
      })
      .toBe(SESSIONS);
    await admin.streams.deleteMessage(EVENTS_STREAM, third?.seq ?? 0);
    await expect
      .poll(() => readDamages(admin))
      .toMatchObject([{ code: "log_holes", missing: 1, ranges: [[third?.seq, third?.seq]] }]);
    expect(relay.fatal).toEqual([]);
  });
});
