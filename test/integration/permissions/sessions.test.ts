import { jetstream, jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { BrokerRole } from "../../../src/shared/messages/permissions.ts";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { provisionSessions } from "../../../src/shared/session-log/provision.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";

const TURN = "rr.ses.s1.in.turn.t1";
const TEXT = "rr.ses.s1.out.text";

let broker: TestBroker;

beforeEach(async () => {
  broker = await startTestBroker({ sync: false });
  const admin = await broker.connect("admin");
  await provision(admin, { logBytes: 16 * 1024 * 1024 });
  await provisionSessions(admin, { replicas: 1, isNew: true });
});
afterEach(() => broker[Symbol.asyncDispose]());

async function user(role: BrokerRole): Promise<{ nc: NatsConnection; jsm: JetStreamManager }> {
  const nc = await broker.connect(role);
  return { nc, jsm: await jetstreamManager(nc, { checkAPI: false }) };
}

const put = (nc: NatsConnection, subject: string): Promise<number> =>
  jetstream(nc)
    .publish(subject, subject, { expect: { lastSubjectSequence: 0 } })
    .then(({ seq }) => seq);

test("serve and worker each write their half of a session, and both read and hear all of it", async () => {
  const [serve, worker] = [await user("serve"), await user("worker")];
  const heard: string[] = [];
  for (const { nc } of [serve, worker]) {
    nc.subscribe("rr.live.>", {
      callback: (_, { subject, headers }) =>
        void heard.push(`${headers?.get("Nats-Sequence")} ${headers?.get("Nats-Subject")} ${subject}`),
    });
    await nc.flush();
  }
  expect(await put(serve.nc, TURN)).toBe(1);
  expect(await put(worker.nc, TEXT)).toBe(2);
  await expect(put(serve.nc, "rr.ses.s1.out.end")).rejects.toThrow(/permissions/i);
  await expect(put(worker.nc, "rr.ses.s1.in.decision.d")).rejects.toThrow(/permissions/i);
  for (const { jsm } of [serve, worker]) {
    expect((await jsm.direct.getMessage("RR_SESSIONS", { seq: 1 }))?.string()).toBe(TURN);
    const last = await jsm.streams.getMessage("RR_SESSIONS", { last_by_subj: "rr.ses.s1.out.>" });
    expect(last?.string()).toBe(TEXT);
    await expect(jsm.streams.purge("RR_SESSIONS")).rejects.toThrow(/permissions/i);
    await expect(jsm.streams.deleteMessage("RR_SESSIONS", 1)).rejects.toThrow(/permissions/i);
    await expect(jsm.streams.info("RR_EVENTS")).rejects.toThrow(/permissions/i);
    await expect(jsm.direct.getMessage("KV_RR_STATE", { seq: 1 })).rejects.toThrow(/permissions/i);
  }
  const live = [`1 ${TURN} rr.live.s1.in.turn.t1`, `2 ${TEXT} rr.live.s1.out.text`];
  await expect.poll(() => heard.toSorted()).toEqual([...live, ...live].toSorted());
});

test("each writes its own keys of the bucket, and all three read them", async () => {
  const keys = { serve: "index.u.s1", worker: "lease.s1", "session-prune": "floor.s1" } as const;
  const roles = Object.keys(keys) as (keyof typeof keys)[];
  for (const role of roles) {
    const { nc } = await user(role);
    for (const [owner, key] of Object.entries(keys)) {
      const write = put(nc, `$KV.RR_SES_STATE.${key}`);
      if (owner === role) await write;
      else await expect(write).rejects.toThrow(/permissions/i);
    }
  }
  for (const role of roles) {
    const { jsm } = await user(role);
    const found = await jsm.streams.getMessage("KV_RR_SES_STATE", {
      last_by_subj: "$KV.RR_SES_STATE.floor.s1",
    });
    expect(found?.string()).toBe("$KV.RR_SES_STATE.floor.s1");
  }
});

test("session-prune alone empties the log of sessions, and writes nothing into it", async () => {
  const { nc } = await user("serve");
  await put(nc, TURN);
  const prune = await user("session-prune");
  await expect(put(prune.nc, TEXT)).rejects.toThrow(/permissions/i);
  await expect(prune.jsm.streams.purge("RR_EVENTS")).rejects.toThrow(/permissions/i);
  await expect(prune.jsm.streams.purge("KV_RR_SES_STATE")).rejects.toThrow(/permissions/i);
  expect(await prune.jsm.streams.purge("RR_SESSIONS", { filter: "rr.ses.s1.>" })).toMatchObject({
    purged: 1,
  });
});

test.each(["gateway", "relay", "prune"] as const)("%s reaches nothing of sessions", async (role) => {
  const { nc, jsm } = await user(role);
  await expect(put(nc, TURN)).rejects.toThrow(/permissions/i);
  await expect(jsm.streams.info("RR_SESSIONS")).rejects.toThrow(/permissions/i);
  await expect(jsm.direct.getMessage("RR_SESSIONS", { seq: 1 })).rejects.toThrow(/permissions/i);
  await expect(jsm.direct.getMessage("KV_RR_SES_STATE", { seq: 1 })).rejects.toThrow(/permissions/i);
  await expect(put(nc, "$KV.RR_SES_STATE.lease.s1")).rejects.toThrow(/permissions/i);
});

test.each(["console", "operator"] as const)(
  "%s looks at sessions, reads four kinds of keys, and writes nothing but the pause of turns",
  async (role) => {
    const serve = await user("serve");
    await put(serve.nc, TURN);
    await put(serve.nc, "$KV.RR_SES_STATE.index.u.s1");
    const { nc, jsm } = await user(role);
    expect((await jsm.direct.getMessage("RR_SESSIONS", { seq: 1 }))?.string()).toBe(TURN);
    const key = (name: string): Promise<{ string(): string } | null> =>
      jsm.direct.getMessage("KV_RR_SES_STATE", { last_by_subj: `$KV.RR_SES_STATE.${name}` });
    expect((await key("index.u.s1"))?.string()).toBe("$KV.RR_SES_STATE.index.u.s1");
    expect(await key("lease.root.r1")).toBeNull();
    expect(await key("tombstone.s1")).toBeNull();
    for (const other of ["lease.s1", "folder.f1", "floor.s1", ">"])
      await expect(key(other)).rejects.toThrow(/permissions/i);
    await expect(jsm.direct.getMessage("KV_RR_SES_STATE", { seq: 1 })).rejects.toThrow(/permissions/i);
    await put(nc, "$KV.RR_SES_STATE.paused");
    expect((await key("paused"))?.string()).toBe("$KV.RR_SES_STATE.paused");
    for (const subject of [TURN, TEXT, "rr.live.s1.out.text", "$KV.RR_SES_STATE.index.u.s2"])
      await expect(put(nc, subject)).rejects.toThrow(/permissions/i);
  },
);
