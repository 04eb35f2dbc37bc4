import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { orphanGuard } from "../../../src/embedded/orphan.ts";
import { startBroker, type Broker } from "../../../src/embedded/server.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { walk } from "../../../src/shared/log/follow/walk.ts";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { ADMIN_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { provisionSessions } from "../../../src/shared/session-log/provision.ts";
import { SESSIONS_STREAM } from "../../../src/shared/session-log/topology.ts";
import { natsServerPath } from "../../support/broker.ts";
import { createPowerDisk, type PowerDisk } from "../power/disk.ts";
import { startWriters, type Acknowledged } from "../power/writers.ts";
import { seededRandom } from "../random.ts";
import type { Report } from "../report.ts";

export type PowerOptions = {
  seed: number;
  /** Cuts with `sync_interval: always`, as the product sets it. */
  cuts: number;
  /** Cuts of a broker with the server's default, which must lose. */
  controlCuts: number;
  /** Cuts of one broker, after which a new disk is made. */
  perDisk: number;
  /** Mean time between two cuts. */
  gapMs: number;
};

/** What the logs may take their sizes from. It is more than the disk has, and never written. */
const LOGS_BYTES = 4 * 1024 ** 3;

/** What one cut must still have. */
type Cut = { image: string; events: Acknowledged; sessions: Acknowledged };
type Count = { cuts: number; acknowledged: number; lost: number; losing: number; unacknowledged: number };
type Tally = {
  events: Count;
  sessions: Count;
  staged: Set<string>;
  batches: number;
  singles: number;
  /** Cuts after which a broker started. */
  started: number;
};

/** The power goes at random moments under load, also inside a sync, and what was staged in memory is gone (DURABLE-1). */
export async function power(options: PowerOptions, report: Report): Promise<void> {
  const ours = await cutOften(options, { always: true, cuts: options.cuts });
  const control = await cutOften(options, { always: false, cuts: options.controlCuts });
  report.note("batches were staged", [...ours.staged].join(", "));
  report.note("commits", `${ours.batches} batches, ${ours.singles} waves of singles`);
  for (const [name, it] of [
    ["events", ours.events],
    ["events of sessions", ours.sessions],
  ] as const) {
    report.check(
      `${name} lost (DURABLE-1)`,
      it.lost === 0 && it.acknowledged > 0 && it.cuts === options.cuts,
      `${it.lost} of ${it.acknowledged} acknowledged, ${it.cuts} cuts`,
    );
    report.note(`${name} there without an acknowledgement`, String(it.unacknowledged));
  }
  const { events: bare } = control;
  report.check(
    "control: the server's default loses events",
    bare.lost > 0,
    `${bare.lost} of ${bare.acknowledged}, in ${bare.losing} of ${bare.cuts} cuts; ${control.started} brokers started`,
  );
}

async function cutOften(
  { seed, perDisk, gapMs }: PowerOptions,
  { always, cuts }: { always: boolean; cuts: number },
): Promise<Tally> {
  const random = seededRandom(seed);
  const none = (): Count => ({ cuts: 0, acknowledged: 0, lost: 0, losing: 0, unacknowledged: 0 });
  const tally: Tally = {
    events: none(),
    sessions: none(),
    staged: new Set(),
    batches: 0,
    singles: 0,
    started: 0,
  };
  for (let disks = 0; tally.events.cuts < cuts; disks++) {
    const home = mkdtempSync(join(tmpdir(), "rr-power-"));
    try {
      using disk = createPowerDisk(home);
      const made: Cut[] = [];
      {
        await using broker = await start(disk.folder, always);
        await makeLogs(broker);
        disk.sync(); // so that the control loses events, and not a log that was made just now
        tally.staged.add(broker.staging.where());
        const writers = await startWriters(broker, random, `p${disks}`);
        const wanted = Math.min(perDisk, cuts - tally.events.cuts);
        while (made.length < wanted) {
          await delay(random.exponential(gapMs));
          const known = { events: new Map(writers.events), sessions: new Map(writers.sessions) };
          made.push({ image: disk.cut(), ...known });
        }
        tally.batches += writers.commits.batches;
        tally.singles += writers.commits.singles;
        await writers.stop();
      }
      for (const cut of made) await lookInto(disk, cut, always, tally);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  }
  return tally;
}

type OwnBroker = Broker & AsyncDisposable;

async function start(folder: string, always: boolean): Promise<OwnBroker> {
  const broker = await startBroker({
    binary: await natsServerPath(),
    dataDir: join(folder, "data"),
    gateways: [{ gateway: "gw1", runner: "r" }],
    log: silentLogger(),
    guard: orphanGuard(process.platform, process.env["PATH"]),
    syncAlways: always,
  });
  return Object.assign(broker, { [Symbol.asyncDispose]: () => broker.stop() });
}

async function makeLogs(broker: Broker): Promise<void> {
  const admin = await connectBroker(broker.access("admin"), { name: "power", inboxPrefix: ADMIN_INBOX });
  const { isNew } = await provision(admin, { logBytes: 256 * 1024 ** 2 });
  await provisionSessions(admin, { replicas: 1, isNew, freeBytes: LOGS_BYTES });
  await broker.staging.link();
  await admin.close();
}

/** Starts a broker on what a cut left, and looks each acknowledged message up. */
async function lookInto(disk: PowerDisk, cut: Cut, always: boolean, tally: Tally): Promise<void> {
  const folder = disk.after(cut.image);
  try {
    const broker = await start(folder, always).catch((error: unknown) => {
      if (always) throw error;
      return undefined; // the store of the control may be beyond a start
    });
    if (broker !== undefined) tally.started++;
    count(tally.events, cut.events, await messagesOf(broker, EVENTS_STREAM));
    count(tally.sessions, cut.sessions, await messagesOf(broker, SESSIONS_STREAM));
    await broker?.[Symbol.asyncDispose]();
  } finally {
    disk.forget(cut.image);
  }
}

/** Message ids by sequence; nothing if there is no such stream any more. */
async function messagesOf(broker: Broker | undefined, stream: string): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  if (broker === undefined) return found;
  const admin = await connectBroker(broker.access("admin"), { name: "power", inboxPrefix: ADMIN_INBOX });
  try {
    const jsm = await jetstreamManager(admin, { checkAPI: false });
    if (!(await jsm.streams.names().next()).includes(stream)) return found;
    for await (const { seq, header } of walk(jsm, stream, ">")) found.set(seq, header.get("Nats-Msg-Id"));
    return found;
  } finally {
    await admin.close();
  }
}

function count(tally: Count, acknowledged: Acknowledged, found: ReadonlyMap<number, string>): void {
  const lost = [...acknowledged].filter(([seq, id]) => found.get(seq) !== id).length;
  tally.cuts++;
  tally.acknowledged += acknowledged.size;
  tally.lost += lost;
  if (lost > 0) tally.losing++;
  tally.unacknowledged += Math.max(0, found.size - (acknowledged.size - lost));
}
