import { setTimeout as delay } from "node:timers/promises";
import { firstApplied, type Arrival } from "../checker.ts";
import { startDiskProbe } from "../disk.ts";
import { judge } from "../judge.ts";
import { startLoad, type Call } from "../load.ts";
import { seededRandom } from "../random.ts";
import { ms, quantile, type Report } from "../report.ts";
import { onStage, type Stage } from "../stage.ts";

/** ANSWER_WAIT's default and what is granted on top: no answer may take longer, outage or not. */
const LONGEST_ANSWER_MS = 2000 + 200;
/** After this everybody knows of the outage, so that no answer is waited for. */
const KNOWN_AFTER_MS = 2500;
const DRAIN_MS = 5000;
/** The relay's default. */
const CONNECTIONS = 32;

export type OutageOptions = {
  seed: number;
  sessions: number;
  perSecond: number;
  /** Length of each outage; between them is as much as the longest, around them `calmMs`. */
  outagesMs: readonly number[];
  calmMs: number;
  /** Most that answers may take once the outage is known, p99. */
  knownP99Ms: number;
};

/** Moments (wall clock) of one outage: killed, and ready again. */
type Outage = { from: number; to: number };

/** The coordinator is killed and stays away, while executors go on: nobody but an operator may notice (docs/contract.md, "The answer"). */
export async function outage(options: OutageOptions, report: Report): Promise<void> {
  await onStage(report, (stage) => play(options, report, stage));
}

async function play(options: OutageOptions, report: Report, stage: Stage): Promise<void> {
  const { coordinator, gateway } = stage;
  const load = startLoad({
    url: () => gateway.url(),
    random: seededRandom(options.seed),
    writers: Array.from({ length: options.sessions }, (_, i) => ({
      session: `outage-${i}`,
      perSecond: options.perSecond,
    })),
  });
  await using disk = await startDiskProbe(stage.broker.dataDir);
  const outages: Outage[] = [];
  await delay(options.calmMs);
  for (const length of options.outagesMs) {
    stage.crashed();
    await coordinator.kill9();
    const from = Date.now();
    await delay(length);
    await coordinator.start();
    outages.push({ from, to: Date.now() });
    await delay(options.calmMs);
  }
  await load.stop();

  const findings = await judge(stage, load, report);
  const most = CONNECTIONS * outages.length;
  report.check("repeats", findings.repeats.length <= most, `${findings.repeats.length} (at most ${most})`);
  const refused = load.refusals.map(({ marker, status }) => `${marker} ${status}`);
  report.check("refused requests", refused.length === 0, refused.slice(0, 5).join(", ") || "0");
  const broken = [...load.unanswered].map(([why, count]) => `${count} ${why}`);
  report.check("requests without an answer", broken.length === 0, broken.join(", ") || "0");
  const slowest = Math.max(...load.calls.map((call) => call.ms));
  report.check(
    "slowest answer",
    slowest <= LONGEST_ANSWER_MS,
    `${ms(slowest)} (at most ${LONGEST_ANSWER_MS})`,
  );
  const calm = load.calls.filter((call) =>
    outages.every(({ from, to }) => call.endedAt < from || call.startedAt > to + DRAIN_MS),
  );
  report.note(
    "p99 without an outage",
    `${ms(
      quantile(
        calm.map((call) => call.ms),
        0.99,
      ),
    )} of ${calm.length}`,
  );
  const arrivals = await stage.arrivals();
  for (const [i, one] of outages.entries()) {
    tellOutage(`outage ${i + 1}`, options.knownP99Ms, one, load.calls, arrivals, report);
    const syncs = disk.samples.filter(({ at }) => at >= one.from && at <= one.to).map((sample) => sample.ms);
    report.note(
      `outage ${i + 1}: a bare fsync meanwhile`,
      `p99 ${ms(quantile(syncs, 0.99))} of ${syncs.length}`,
    );
  }
}

function tellOutage(
  name: string,
  knownP99Ms: number,
  { from, to }: Outage,
  calls: readonly Call[],
  arrivals: readonly Arrival[],
  report: Report,
): void {
  const known = from + KNOWN_AFTER_MS;
  const before = calls.filter((call) => call.endedAt >= from && call.startedAt < Math.min(known, to));
  const after = calls.filter((call) => call.startedAt >= known && call.endedAt <= to);
  const later = calls.filter((call) => call.startedAt >= to && call.startedAt < to + DRAIN_MS);
  const times = (list: readonly Call[]): number[] => list.map((call) => call.ms);
  const first = Math.max(0, ...times(before));
  report.check(
    `${name}: slowest of the first ${KNOWN_AFTER_MS} ms`,
    first <= LONGEST_ANSWER_MS,
    `${ms(first)} (at most ${LONGEST_ANSWER_MS}; p99 ${ms(quantile(times(before), 0.99))} of ${before.length})`,
  );
  if (to > known) {
    const p99 = quantile(times(after), 0.99);
    report.check(
      `${name}: p99 after that`,
      after.length > 0 && p99 <= knownP99Ms,
      `${ms(p99)} (at most ${knownP99Ms}; max ${ms(Math.max(0, ...times(after)))} of ${after.length})`,
    );
  }
  report.note(`${name}: p99 while it drains`, `${ms(quantile(times(later), 0.99))} of ${later.length}`);
  const waiting = backlogAt(to, calls, arrivals);
  const drained = emptyAfter(to, calls, arrivals);
  report.check(
    `${name}: backlog drained`,
    drained !== undefined && drained - to <= DRAIN_MS,
    `${waiting} events, ${drained === undefined ? "never" : ms(drained - to)} (at most ${DRAIN_MS})`,
  );
}

function backlogAt(moment: number, calls: readonly Call[], arrivals: readonly Arrival[]): number {
  const delivered = firstApplied(arrivals);
  return calls.filter((call) => call.endedAt <= moment && (delivered.get(call.marker) ?? Infinity) > moment)
    .length;
}

/** First moment from `moment` on at which nothing waits that was acknowledged before it; undefined for never. */
function emptyAfter(
  moment: number,
  calls: readonly Call[],
  arrivals: readonly Arrival[],
): number | undefined {
  const delivered = firstApplied(arrivals);
  // Every event that waited for a while: from its acknowledgement to its delivery. The first gap in their union is the end.
  const waits = calls
    .map((call) => ({ from: call.endedAt, to: delivered.get(call.marker) ?? Infinity }))
    .filter((wait) => wait.to > wait.from && wait.to > moment)
    .sort((a, b) => a.from - b.from);
  let end = moment;
  for (const wait of waits) {
    if (wait.from > end) break;
    end = Math.max(end, wait.to);
  }
  return end === Infinity ? undefined : end;
}
