import { SHARDS } from "../../support/eight-shards.ts";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { expect, onTestFinished, test } from "vitest";
import { judgePermissions, readPermissions } from "../../../src/operate/doctor/permissions.ts";
import { createDeadLetters } from "../../../src/relay/coordinator/dead-letters.ts";
import { DEAD_STREAM, STATE_STREAM, stateKey } from "../../../src/shared/log/schema/topology.ts";
import { readDamages } from "../../../src/shared/log/state/damage.ts";
import { deadLetters } from "../../../src/shared/log/state/dead-letters.ts";
import { dropDeadLetters } from "../../../src/shared/log/state/drop.ts";
import { decodeMark, type LogMark } from "../../../src/shared/log/state/log-mark.ts";
import { removalsOf, type Removals } from "../../../src/shared/log/state/removals.ts";
import { readState } from "../../../src/shared/log/state/state-store.ts";
import { startTestBroker } from "../../support/broker.ts";
import { operatorCli } from "../../support/operator.ts";
import { provisioned, startTestRelay, type TestRelay } from "../../support/relay.ts";

/** A log with dead letters e1 to eN, each of a session of its own. */
async function setUp(letters: number, sync = true) {
  const broker = await provisioned(await startTestBroker({ sync }));
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const nc = await broker.connect("relay");
  const { put } = createDeadLetters(nc, await jetstreamManager(nc, { checkAPI: false }), SHARDS);
  await Promise.all(
    Array.from({ length: letters }, (_, i) =>
      put({
        id: `e${i + 1}`,
        runner: "r1",
        session: `s${i + 1}`,
        kind: "event",
        seq: i + 1,
        payload: new Uint8Array([1]),
        death: { reason: "no", attempts: 1 },
      }),
    ),
  );
  const jsm = await jetstreamManager(await broker.connect("admin"), { checkAPI: false });
  const mark = async (): Promise<LogMark["dead"]> => {
    const stored = await readState(jsm, stateKey.mark);
    return stored && decodeMark(stored.value).dead;
  };
  /** A relay that has noted how many letters there are and were removed. */
  const seeing = async (messages: number, removed: number): Promise<TestRelay> => {
    const relay = await startTestRelay(broker, "http://127.0.0.1:9", { retarget: true });
    await expect.poll(mark).toMatchObject({ messages, removed });
    expect(relay.fatal).toEqual([]);
    return relay;
  };
  const counted = async (): Promise<Removals> =>
    removalsOf(await readState(jsm, stateKey.removed), await jsm.streams.info(DEAD_STREAM));
  /** As a damaged file does it: nobody says that it was meant. */
  const lose = async (id: string): Promise<void> => {
    const letter = await jsm.direct.getMessage(DEAD_STREAM, { last_by_subj: `rr.dead.${id}.>` });
    await jsm.streams.deleteMessage(DEAD_STREAM, letter?.seq ?? 0);
  };
  return { broker, jsm, seeing, counted, lose, cli: operatorCli(broker) };
}

test("SETTLE-1: letters that are dropped are not missing, while no relay runs or beside one; one that is lost beside them is", async () => {
  const { jsm, seeing, lose, cli } = await setUp(7);
  await (await seeing(7, 0)).close();
  expect((await cli("dead", "drop", "e1", "--yes")).stdout).toBe("dropped 1 dead letter\n");
  const relay = await seeing(6, 1);
  expect(await readDamages(jsm)).toEqual([]);
  expect((await cli("dead", "drop", "--session", "s2", "--yes")).code).toBe(0);
  await relay.close(); // before its next mark, usually
  await (await seeing(5, 2)).close();
  expect(await readDamages(jsm)).toEqual([]);
  expect((await cli("dead", "drop", "e3", "--yes")).code).toBe(0);
  await lose("e4");
  expect((await cli("dead", "redrive", "e5", "--yes")).code).toBe(0);
  await using _last = await seeing(2, 4);
  expect(await readDamages(jsm)).toMatchObject([{ code: "dead_letters_gone", missing: 1 }]);
});

test("two operators that drop the same letters count each once, and a group takes a few writes", async () => {
  const { broker, jsm, counted } = await setUp(250, false);
  const seqs: number[] = [];
  for await (const { seq } of deadLetters(jsm)) seqs.push(seq);
  const writes = async (): Promise<number> => (await jsm.streams.info(STATE_STREAM)).state.last_seq;
  const before = await writes();
  const dropped = await Promise.all(
    (["operator", "console"] as const).map(async (role) => {
      const nc = await broker.connect(role);
      return dropDeadLetters({ nc, jsm: await jetstreamManager(nc, { checkAPI: false }) }, seqs);
    }),
  );
  expect(dropped.reduce((sum, n) => sum + n)).toBe(250);
  expect(await counted()).toEqual({ removed: 250, open: 0 });
  const marks = (await jsm.streams.info(STATE_STREAM, { subjects_filter: "$KV.RR_STATE.dropped.>" })).state;
  expect(Object.keys(marks.subjects ?? {})).toHaveLength(250);
  const counts = await jsm.direct.getMessage(STATE_STREAM, { last_by_subj: "$KV.RR_STATE.removed" });
  expect(counts).not.toBeNull();
  expect((await writes()) - before).toBeLessThanOrEqual(2 * 250 + 12); // a mark of each; the counter for three batches of each, before and after
});

test("a login without the right to count drops all the same, and doctor names the right", async () => {
  const { broker, jsm, counted, cli } = await setUp(2, false);
  const file = join(dirname(broker.configFile), "users.conf");
  const right = /"\$KV\.RR_STATE\.(?:removed|dropped\.>)"/g;
  const text = readFileSync(file, "utf8");
  expect(text.match(right)).toHaveLength(4);
  writeFileSync(file, text.replaceAll(right, '"nothing.at.all"'));
  process.kill(broker.pid(), "SIGHUP"); // it reads its users again
  const asked = async (): Promise<string> => {
    const nc = await broker.connect("operator");
    return judgePermissions(await readPermissions(nc)).text;
  };
  await expect.poll(asked).toBe("this login may not: count removed dead letters, remember dropped events");
  expect((await cli("dead", "drop", "--all", "--yes")).stdout).toBe("dropped 2 dead letters\n");
  expect((await jsm.streams.info(DEAD_STREAM)).state.messages).toBe(0);
  expect(await counted()).toEqual({ removed: 0, open: 0 });
});
