import { randomUUID } from "node:crypto";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { WORKER_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import { createPages } from "../../../src/shared/session-log/follow/pages.ts";
import { SESSION_STATE } from "../../../src/shared/session-log/follow/stored-event.ts";
import { createLeaseWatch } from "../../../src/shared/session-log/ownership/lease-watch.ts";
import {
  acquireLease,
  leaseHolder,
  type Lease,
  type LeaseDeps,
} from "../../../src/shared/session-log/ownership/lease.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { sessionsBroker } from "./harness.ts";

const S = "session-1";

let broker: TestBroker;
let ending: AbortController;

beforeEach(async () => {
  broker = await sessionsBroker();
  ending = new AbortController();
});
afterEach(async () => {
  ending.abort();
  await broker[Symbol.asyncDispose]();
});

async function worker(): Promise<LeaseDeps> {
  const nc = await broker.connect("worker");
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 2000 });
  return { nc, jsm, clock: systemClock, random: randomUUID, signal: ending.signal };
}

async function revision({ jsm }: LeaseDeps): Promise<number> {
  return (
    (await jsm.streams.getMessage("KV_RR_SES_STATE", { last_by_subj: `$KV.RR_SES_STATE.lease.${S}` }))?.seq ??
    0
  );
}

test("OWNER-1: of many that want a session one gets it, and keeps it for longer than a lease lasts", async () => {
  const workers = await Promise.all([1, 2, 3].map(worker));
  const leases = await Promise.all(workers.map((it, i) => acquireLease(it, S, `w${i}`)));
  const got = leases.filter((it) => it !== undefined);
  expect(got).toHaveLength(1);
  const [a] = workers;
  if (a === undefined) throw new Error("no worker");
  const first = await revision(a);
  await eventually(async () => expect(await revision(a)).toBeGreaterThanOrEqual(first + 5)); // by renewals, one a second
  expect(got[0]?.lost.aborted).toBe(false);
  expect(await leaseHolder(a.jsm, S)).toBe(`w${leases.findIndex((it) => it !== undefined)}`);
  expect(await acquireLease(a, S, "late")).toBeUndefined();
});

test("a lease that is given back is free at once, and its next owner knows that nothing runs", async () => {
  const [a, b] = [await worker(), await worker()];
  const before = systemClock.now();
  const first = await acquireLease(a, S, "a");
  expect(first?.startAt).toBeGreaterThan(before + 900); // nobody knows what was before
  await first?.release();
  expect(await leaseHolder(b.jsm, S)).toBeUndefined();
  const second = await acquireLease(b, S, "b");
  expect(second?.startAt).toBeLessThanOrEqual(systemClock.now());
  expect(second?.revision).toBeGreaterThan(first?.revision ?? Infinity);
  expect(first?.lost.aborted).toBe(true);
});

test("OWNER-1: a process that is cut off knows that it lost its lease before anybody else can have it", async () => {
  const [a, b] = [await worker(), await worker()];
  const first = await acquireLease(a, S, "a");
  await a.nc.close();
  let second: Lease | undefined;
  await eventually(async () => {
    second = await acquireLease(b, S, "b");
    expect(second).toBeDefined();
  });
  expect(first?.lost.aborted).toBe(true);
  expect(second?.startAt).toBeGreaterThan(systemClock.now());
});

test("OWNER-1: who saw the last renewal of a dead process takes its lease before the broker removes it, and never one that was renewed since", async () => {
  const [a, b] = [await worker(), await worker()];
  const keys = createPages({ nc: b.nc, clock: b.clock, inboxPrefix: WORKER_INBOX, store: SESSION_STATE });
  const leases = createLeaseWatch({ keys, clock: b.clock });
  const first = await acquireLease(a, S, "a");
  await leases.look();
  const early = leases.seen(S);
  const long = { ...b, clock: { ...b.clock, now: () => b.clock.now() + 3000 } };
  await eventually(async () => expect(await revision(b)).toBeGreaterThan(early?.revision ?? Infinity));
  expect(await acquireLease(long, S, "b", early), "it was renewed").toBeUndefined();
  await a.nc.close();
  await leases.look();
  const last = leases.seen(S);
  expect(last?.revision).toBe(await revision(b));
  expect(await acquireLease(b, S, "b", last), "it is not over").toBeUndefined();
  const second = await acquireLease(long, S, "b", last);
  expect(second?.startAt).toBe((last?.at ?? 0) + 4000);
  expect(second?.revision).toBeGreaterThan(first?.revision ?? Infinity);
});

test("a lease that is given back is not seen any more", async () => {
  const a = await worker();
  const keys = createPages({ nc: a.nc, clock: a.clock, inboxPrefix: WORKER_INBOX, store: SESSION_STATE });
  const leases = createLeaseWatch({ keys, clock: a.clock });
  const lease = await acquireLease(a, S, "a");
  await leases.look();
  expect(leases.seen(S)).toBeDefined();
  await lease?.release();
  await leases.look();
  expect(leases.seen(S)).toBeUndefined();
});

test("a lease that another process overwrote is lost", async () => {
  const a = await worker();
  const lease = await acquireLease(a, S, "a");
  await a.nc.request(`$KV.RR_SES_STATE.lease.${S}`, "{}");
  await eventually(() => expect(lease?.lost.aborted).toBe(true));
});
