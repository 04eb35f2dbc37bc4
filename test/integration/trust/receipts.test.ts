import { SHARDS } from "../../support/eight-shards.ts";
import { jetstreamManager } from "@nats-io/jetstream";
import { expect, it } from "vitest";
import { runPrune } from "../../../src/shared/log/prune.ts";
import { putAgain } from "../../../src/operate/replay/put.ts";
import { decodeEnvelope } from "../../../src/shared/log/schema/envelope.ts";
import { EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { deadLettersOf } from "../../../src/shared/log/state/dead-letters.ts";
import { dropDeadLetters } from "../../../src/shared/log/state/drop.ts";
import { redrive } from "../../../src/shared/log/state/redrive.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { call, startTestGateway, type Reply, type TestGateway } from "../gateway/harness.ts";
import { expectTold, startDay } from "../bad-days-coordinator/day.ts";
import { eventually } from "../../support/eventually.ts";

const HOUR = 3_600_000;

function receiptOf(gateway: TestGateway, event: { id: string; seq: number }): Promise<Reply> {
  return call(gateway.url(), "GET", `/_relay/deliveries/${event.id}?seq=${event.seq}`);
}

/** An event by HTTP, accepted without waiting; its receipt's address is the one that the answer names. */
async function post(
  gateway: TestGateway,
  session: string,
  more: object = {},
): Promise<{ id: string; seq: number; location: string }> {
  const body = { session_id: session, event_type: "message", timestamp: "2026-01-01T00:00:00Z", ...more };
  const reply = await call(gateway.url(), "POST", "/events", body, { prefer: "respond-async" });
  expect(reply.status).toBe(202);
  const { event_id: id, stream_seq: seq } = reply.json as { event_id: string; stream_seq: number };
  return { id, seq, location: String(reply.headers.location) };
}

it("a receipt says where an event is: pending, delivered, superseded, dead, dropped, gone, unknown", async () => {
  await using day = await startDay();
  await using gateway = await startTestGateway(day.broker, { gateway: "gw2" });
  const state = (event: { id: string; seq: number }) =>
    receiptOf(gateway, event).then(({ json }) => json["state"]);

  const delivered = await post(gateway, "ses_a");
  expect((await receiptOf(gateway, delivered)).json).toMatchObject({
    status: 503,
    code: "relay_unavailable",
  });

  await day.coordinator.stop();
  await day.relay();
  await expectTold(day, "away", "breaker_open");
  await eventually(async () => expect(await state(delivered)).toBe("pending"));
  const reply = await call(gateway.url(), "GET", delivered.location);
  expect(reply).toMatchObject({
    status: 200,
    json: { event_id: delivered.id, stream_seq: delivered.seq, state: "pending" },
  });

  const { sessionId, runId } = day.coordinator.createSession();
  const run = day.coordinator.state.runs.get(runId);
  const session = day.coordinator.state.sessions.get(sessionId);
  if (run === undefined || session === undefined) throw new Error("no session");
  run.status = "completed";
  session.status = "finished";
  const late = await day.append(
    sessionId,
    { executor_session_id: "e", hostname: "h", executor_profile: "p" },
    { kind: "bind", at: Date.now() - 60_000 },
  );
  const dead = await post(gateway, "ses_a", { error: { code: 1 } });
  await day.coordinator.start();
  await eventually(async () => expect(await state(delivered)).toBe("delivered"));
  await eventually(async () => expect(await state(dead)).toBe("dead"));
  expect((await receiptOf(gateway, dead)).json).toMatchObject({
    state: "dead",
    status: 422,
    attempts: 1,
    reason: expect.stringContaining("valid string"),
  });
  await eventually(async () => expect(await state(late)).toBe("superseded"));
  expect((await receiptOf(gateway, late)).json["reason"]).toBe(
    "the session is finished and no run of it is active",
  );

  const no = {
    path: "/sessions/ses_d/events",
    action: { kind: "status", status: 422, body: { detail: "no" } },
  } as const;
  day.coordinator.faults.set([no]);
  const refused = await post(gateway, "ses_d");
  await eventually(async () => expect(await state(refused)).toBe("dead"));
  const operator = await day.broker.connect("operator");
  const jsm = await jetstreamManager(operator, { checkAPI: false });
  const drop = async ({ id }: { id: string }): Promise<void> => {
    const letters = await deadLettersOf(jsm, id);
    expect(letters).toHaveLength(1);
    const seqs = letters.map(({ seq }) => seq);
    expect(await dropDeadLetters({ nc: operator, jsm }, seqs)).toBe(1);
  };
  // redriven, it is refused again; the mark is of that second refusal
  const [letter] = await deadLettersOf(jsm, refused.id);
  if (letter === undefined) throw new Error("no letter");
  await redrive({ nc: operator, jsm }, letter);
  await eventually(async () => expect(await state(refused)).toBe("dead"));
  await drop(refused);
  expect((await receiptOf(gateway, refused)).json).toMatchObject({
    state: "dropped",
    reason: "no",
  });
  // a replay decides anew
  const kept = await jsm.direct.getMessage(EVENTS_STREAM, { seq: refused.seq });
  if (kept === null) throw new Error("no event");
  const replay = async (run: string): Promise<number> =>
    putAgain({ nc: operator, shardCount: SHARDS }, run, {
      seq: refused.seq,
      headers: new Map(kept.header.keys().map((name) => [name, kept.header.get(name)])),
      envelope: decodeEnvelope(kept.data),
    });
  await replay("run1");
  await eventually(async () => expect(await deadLettersOf(jsm, refused.id)).toHaveLength(1));
  await eventually(async () => expect(await state(refused)).toBe("dropped"));
  await drop(refused);
  expect(await state(refused)).toBe("dropped");
  day.coordinator.faults.clear();
  await replay("run2");
  await eventually(async () => expect(await state(refused)).toBe("delivered"));

  const notFound = { status: 404, json: { code: "not_found" } };
  expect(await receiptOf(gateway, { id: "never-heard-of", seq: delivered.seq })).toMatchObject(notFound);
  expect(await receiptOf(gateway, { id: delivered.id, seq: 1_000_000 })).toMatchObject(notFound);

  const newest = await post(gateway, "ses_a");
  await eventually(async () => expect(await state(newest)).toBe("delivered"));
  const clock = { ...systemClock, wall: () => Date.now() + 2 * HOUR };
  const prune = await day.broker.connect("prune");
  await eventually(async () => {
    // checkpoints are written twice a second; what they do not have yet stays
    await runPrune(prune, { retentionMs: HOUR, clock });
    expect(await receiptOf(gateway, delivered)).toMatchObject({
      status: 410,
      json: { code: "receipt_gone" },
    });
  });
  const letters = await day.dead();
  expect(letters.map(({ id }) => id)).toEqual([dead.id]); // never pruned
});
