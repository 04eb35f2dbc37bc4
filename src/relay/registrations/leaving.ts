import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import {
  decodeDeparture,
  encodeDeparture,
  type Departure,
  type DepartureReason,
} from "../../shared/log/state/departure.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { pathSegment, sessionToken } from "../../shared/log/schema/session-id.ts";
import {
  decodeStates,
  deleteState,
  putState,
  readRevision,
  readState,
  writeState,
} from "../../shared/log/state/state-store.ts";
import { stateKey } from "../../shared/log/schema/topology.ts";
import type { Credentials } from "../../shared/credentials/index.ts";
import type { Coordinator } from "../coordinator/client.ts";
import { nextStep, removedBy, type LeavingTimes, type Removed, type Step } from "./next-step.ts";
import { askAs } from "./registrations.ts";
import type { Report, Reports } from "./reports.ts";

/** Most runners that can leave at the same time, so that a client that removes any number of them cannot fill the bucket. */
const MOST_LEAVING = 1000;
/** How many of them are looked after at once. */
const AT_ONCE = 8;
/** Between two looks. A longer time between them means that the broker was away, and then no runner could be heard either. */
export const LEAVING_LOOK_MS = 1000;
/** How long a removal may take: the coordinator fails the runner's runs one by one. */
const REMOVE_MS = 10_000;
/** A removal that failed is tried again after this time, which doubles with each failure. */
const RETRY_MS = { first: 1000, most: 30_000 };
/** How long a registration waits until the runner's earlier removal is out. The runner waits 35 s in all. */
const BEFORE_REGISTER_MS = 10_000;

/** Runners that leave: kept in the state bucket, carried out by any relay (ADR 0023). */
export type Leaving = {
  /** Keeps a runner's wish to be removed. False if too many are kept already. */
  ask(runner: string): Promise<boolean>;
  /**
   * Notes that a runner is gone while one of its reports waits. A removal that the runner itself asked for is not overwritten. With `onlyFirst` no earlier
   * note is overwritten.
   */
  note(runner: string, why: DepartureReason, more: Noted): Promise<void>;
  /** The runner lives, so it does not leave. */
  heard(runner: string): Promise<void>;
  /** The coordinator has removed the runner already. */
  gone(runner: string): Promise<void>;
  /** Removes a leaving runner now, behind its reports. False if it is not leaving, or could not be removed. */
  removeNow(runner: string): Promise<boolean>;
  /** Looks after all runners that leave, and does what is due. */
  look(): Promise<void>;
  /** How many runners leave. */
  readonly size: number;
};

/** The session whose report waits, and what prevents its delivery. */
export type Noted = { session: string; text?: string; onlyFirst?: true };

/** A leaving runner as it is in the bucket, and what this relay has seen of it. */
type Known = {
  record: Departure;
  revision: number;
  /** How long we have known the record, counting only the time in which the coordinator was up and a runner could be heard. */
  seenMs: number;
  /** Its reports that wait. Undefined if they were not read yet, or could not be. */
  reports: Report[] | undefined;
  failures: number;
  notBefore: number;
};

export type LeavingDeps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  log: Logger;
  coordinator: Coordinator;
  credentials: Credentials;
  reports: Reports;
  /** True while the coordinator is there and may be asked. */
  up: () => boolean;
  times: LeavingTimes;
};

/** By key of the bucket. */
type KnownRunners = Map<string, Known>;

function keyOf(runner: string): string {
  return stateKey.leaving(sessionToken(runner));
}

async function forget({ nc, jsm, log }: LeavingDeps, runner: string, why: string): Promise<void> {
  const stored = await readState(jsm, keyOf(runner));
  if (stored === undefined) return;
  if (await deleteState(nc, keyOf(runner), stored.revision)) log.info({ runner }, why);
}

/** Removes a runner at the coordinator. */
async function remove(deps: LeavingDeps, runner: string): Promise<Removed> {
  const path = `/runners/${pathSegment(runner)}?self=true`;
  const result = await askAs(deps, { method: "DELETE", path, fresh: true }, REMOVE_MS);
  const removed = removedBy(result);
  const status = result.kind === "response" ? result.status : result.cause;
  deps.log[removed === "refused" ? "warn" : "info"](
    { runner, status, removed },
    "the removal of a runner was answered",
  );
  return removed;
}

/** Reads the records in the bucket, and keeps what was seen of those that have not changed. */
async function read({ jsm }: LeavingDeps, known: KnownRunners, elapsedMs: number): Promise<void> {
  const found = await decodeStates(jsm, stateKey.leaving("*"), ({ value, revision }) => ({
    record: decodeDeparture(value),
    revision,
  }));
  for (const key of known.keys()) if (!found.has(key)) known.delete(key);
  for (const [key, { record, revision }] of found) {
    if (record === undefined) continue;
    const before = known.get(key);
    if (before?.revision === revision) before.seenMs += elapsedMs;
    else known.set(key, { record, revision, seenMs: 0, reports: undefined, failures: 0, notBefore: 0 });
  }
}

/** The next step for a runner. Its reports are read only if the step depends on them. Undefined if they could not be read. */
async function stepOf({ clock, reports, times }: LeavingDeps, it: Known): Promise<Step | undefined> {
  const { record, seenMs } = it;
  const known = { why: record.why, seenMs, oldMs: clock.wall() - record.since };
  const early = nextStep({ ...known, waiting: undefined }, times);
  if (early !== "wait") return early;
  it.reports = await (it.reports === undefined ? reports.of(record.runner) : reports.left(it.reports));
  return it.reports && nextStep({ ...known, waiting: it.reports.length }, times);
}

async function carryOut(deps: LeavingDeps, key: string, it: Known): Promise<void> {
  const { nc, jsm, clock, log } = deps;
  const { runner } = it.record;
  if (clock.now() < it.notBefore) return;
  const step = await stepOf(deps, it);
  if (step === undefined || step === "wait" || step === "listen") return;
  if (step === "remove") {
    const now = await readState(jsm, key);
    if (now?.revision !== it.revision) return; // meanwhile the runner was heard, or another relay removed it
    if ((await remove(deps, runner)) === "later") {
      it.notBefore = clock.now() + Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** it.failures++);
      return;
    }
  }
  if (step === "give_up") log.warn({ runner }, "the removal of a runner was given up");
  await deleteState(nc, key, it.revision);
}

/** Looks after several runners at once, so that a slow removal does not hold the others up. */
async function carryOutAll(deps: LeavingDeps, known: KnownRunners): Promise<void> {
  const due = known.entries();
  const worker = async (): Promise<void> => {
    for (const [key, it] of due)
      await carryOut(deps, key, it).catch((error: unknown) =>
        deps.log.warn(
          { runner: it.record.runner, err: errorText(error) },
          "could not check a runner that is to be removed",
        ),
      );
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function note(
  { nc, jsm, clock }: LeavingDeps,
  runner: string,
  why: DepartureReason,
  { session, text, onlyFirst }: Noted,
): Promise<void> {
  const key = keyOf(runner);
  const stored = await readState(jsm, key);
  const before = stored && decodeDeparture(stored.value);
  if (before?.why === "asked" || (before?.why === why && before.text === text)) return;
  if (before !== undefined && onlyFirst) return;
  const record: Departure = {
    v: 1,
    runner,
    why,
    since: before?.since ?? clock.wall(),
    session: before?.session ?? session,
    ...(text === undefined ? {} : { text }),
  };
  // if another relay writes first, it writes the same
  await writeState(nc, key, encodeDeparture(record), stored?.revision ?? (await readRevision(jsm, key)));
}

async function removeNow(deps: LeavingDeps, runner: string): Promise<boolean> {
  const stored = await readState(deps.jsm, keyOf(runner));
  if (stored === undefined || !deps.up()) return false;
  await deps.reports.quiet(runner, BEFORE_REGISTER_MS);
  if ((await remove(deps, runner)) === "later") return false;
  await deleteState(deps.nc, keyOf(runner), stored.revision);
  return true;
}

export function createLeaving(deps: LeavingDeps): Leaving {
  const { nc, clock, log } = deps;
  const known: KnownRunners = new Map();
  let lookedAt: number | undefined;

  return {
    get size() {
      return known.size;
    },
    async ask(runner) {
      if (known.size >= MOST_LEAVING && !known.has(keyOf(runner))) return false;
      const record: Departure = { v: 1, runner, why: "asked", since: clock.wall() };
      await putState(nc, keyOf(runner), encodeDeparture(record));
      log.info({ runner }, "the removal of a runner is kept and will be carried out");
      return true;
    },
    note: (runner, why, more) => note(deps, runner, why, more),
    heard: (runner) => forget(deps, runner, "a runner that was about to be removed is back"),
    gone: (runner) => forget(deps, runner, "runner removed"),
    removeNow: (runner) => removeNow(deps, runner),
    async look() {
      const now = clock.now();
      const elapsed = now - (lookedAt ?? now);
      lookedAt = now;
      await read(deps, known, deps.up() ? Math.min(elapsed, 2 * LEAVING_LOOK_MS) : 0);
      if (deps.up()) await carryOutAll(deps, known);
    },
  };
}
