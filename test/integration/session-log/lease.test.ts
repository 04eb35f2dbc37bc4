import { randomUUID } from "node:crypto";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/shared/base/clock.ts";
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
  const first = await acquireLease(a, S, "a");
  expect(first?.clean).toBe(false); // nobody knows what was before
  await first?.release();
  expect(await leaseHolder(b.jsm, S)).toBeUndefined();
  const second = await acquireLease(b, S, "b");
  expect(second?.clean).toBe(true);
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
  expect(second?.clean).toBe(false);
});

test("a lease that another process overwrote is lost", async () => {
  const a = await worker();
  const lease = await acquireLease(a, S, "a");
  await a.nc.request(`$KV.RR_SES_STATE.lease.${S}`, "{}");
  await eventually(() => expect(lease?.lost.aborted).toBe(true));
});
