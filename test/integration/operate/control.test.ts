import { jetstreamManager } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { createControl, type Control } from "../../../src/shared/log/state/control.ts";
import { encodeHeld } from "../../../src/shared/log/state/held.ts";
import { deleteState, putState, readState } from "../../../src/shared/log/state/state-store.ts";
import { stateKey } from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { createAppender, provisioned } from "../../support/relay.ts";

async function controlOf(broker: TestBroker, role: "operator" | "relay"): Promise<Control> {
  const nc = await broker.connect(role);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  return createControl({ nc, jsm, clock: systemClock });
}

test.each(["operator", "relay"] as const)(
  "%s pauses and resumes everything and single sessions",
  async (role) => {
    await using broker = await provisioned(await startTestBroker());
    const control = await controlOf(broker, role);
    expect(await control.readControls()).toEqual({ sessions: [] });
    expect(await control.resumeAll()).toBe(false);

    const paused = await control.pauseAll("maintenance");
    expect(await control.readControls()).toEqual({ paused, sessions: [] });
    expect(await control.pauseAll("longer")).toEqual({ ...paused, text: "longer" });
    expect(await control.resumeAll()).toBe(true);
    await control.pauseAll("again"); // over the tombstone
    expect(await control.resumeAll()).toBe(true);

    const wish = await control.pauseSession("a b", "why");
    expect(wish.record).toMatchObject({ session: "a b", action: "pause", text: "why" });
    expect((await control.readControls()).sessions).toEqual([wish.record]);
    const resumed = await control.resumeSession("a b");
    expect(resumed.revision).toBeGreaterThan(wish.revision);
    expect((await control.readControls()).sessions).toEqual([resumed.record]);
    await expect(control.resumeSession("other")).rejects.toMatchObject({ code: "nothing_found" });
    await expect(control.pauseSession("a/b", "")).rejects.toMatchObject({ code: "session_id_invalid" });
  },
);

test("a parked session is resumed, and its head is named when it is to be skipped", async () => {
  await using broker = await provisioned(await startTestBroker());
  const { append } = createAppender(await broker.connect("gateway"));
  await append("other");
  await append("s1");
  const { seq } = await append("s1");
  const relay = await broker.connect("relay");
  const held = { v: 1, session: "s1", from: seq, reason: "parked", text: "422", since: 0 } as const;
  await putState(relay, stateKey.held("s1"), encodeHeld(held));
  const control = await controlOf(broker, "operator");
  expect((await control.resumeSession("s1")).record.skip).toBeUndefined();
  expect((await control.resumeSession("s1", { skipHead: true })).record.skip).toBe(seq);
  await putState(relay, stateKey.held("s1"), encodeHeld({ ...held, from: seq + 1 }));
  await expect(control.resumeSession("s1", { skipHead: true })).rejects.toMatchObject({
    code: "nothing_found",
  });
});

test("a wish that changed meanwhile is not deleted, and an older version refuses a newer one", async () => {
  await using broker = await provisioned(await startTestBroker());
  const control = await controlOf(broker, "operator");
  const nc = await broker.connect("relay");
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const { revision } = await control.pauseSession("s1", "");
  await control.pauseSession("s1", "again");
  expect(await deleteState(nc, stateKey.control("s1"), revision)).toBe(false);
  const stored = await readState(jsm, stateKey.control("s1"));
  expect(await deleteState(nc, stateKey.control("s1"), stored?.revision ?? 0)).toBe(true);
  expect(await readState(jsm, stateKey.control("s1"))).toBeUndefined();
  await putState(nc, stateKey.control("s2"), new TextEncoder().encode('{"v":2}'));
  await expect(control.readControls()).rejects.toMatchObject({ code: "schema_newer" });
});
