import { setTimeout as delay } from "node:timers/promises";
import { shardNumbers, shardOf } from "../../../src/shared/log/schema/partition.ts";
import { hearRelays, type Hearing } from "../../../src/shared/messages/hearing.ts";
import { firstApplied } from "../checker.ts";
import { judge } from "../judge.ts";
import { startLoad } from "../load.ts";
import { seededRandom } from "../random.ts";
import { ms, quantile, type Report } from "../report.ts";
import type { Service } from "../service.ts";
import { onStage, type Stage } from "../stage.ts";

export type ShardsOptions = {
  seed: number;
  shards: number;
  relays: number;
  /** Relays that are killed, one after the other. */
  rounds: number;
  sessions: number;
  perSecond: number;
  /** How long a killed one is away: longer than the pin's 3 s, so that others take over. */
  awayMs: number;
  /** Between two kills. */
  calmMs: number;
};

const SHARE_MS = 60_000;
const WHOSE = { killed: "sessions of the killed relay", others: "sessions of the others" };

/** A log of many shards and many relays: each has its share, and takeovers keep the order (ORDER-1). */
export async function shards(options: ShardsOptions, report: Report): Promise<void> {
  await onStage(report, (stage) => play(options, report, stage), { shards: options.shards });
}

async function play(options: ShardsOptions, report: Report, stage: Stage): Promise<void> {
  const random = seededRandom(options.seed);
  const relays = [stage.relay];
  for (let i = 1; i < options.relays; i++)
    relays.push(await stage.addRelay(`relay-${String(i).padStart(2, "0")}`));
  const hearing = hearRelays(await stage.broker.connect("operator"));
  const load = startLoad({
    url: () => stage.gateway.url(),
    random,
    writers: sessionsOf(options).map((session, i) => ({
      session,
      perSecond: options.perSecond,
      async: i % 2 === 0,
    })),
  });
  await tellShares("at first", options, report, hearing);
  const waits: { killed: number; others: number }[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const victim = relays[Math.floor(random.next() * relays.length)] as Service;
    const its = new Set(
      hearing
        .now()
        .find(({ relay }) => relay === victim.name)
        ?.shards.map(({ shard }) => shard),
    );
    const from = Date.now();
    await victim.kill9(options.awayMs);
    await delay(options.awayMs);
    await victim.ready();
    await delay(options.calmMs);
    const arrivals = await stage.arrivals();
    const calls = load.calls.filter(({ endedAt }) => endedAt >= from);
    const [killed, others] = [true, false].map((ofIts) =>
      longestWait(
        arrivals,
        calls.filter(({ session }) => its.has(shardOf(session, options.shards)) === ofIts),
      ),
    ) as [number, number];
    waits.push({ killed, others });
  }
  await tellShares("after the kills", options, report, hearing);
  await load.stop();
  hearing.stop();
  const findings = await judge(stage, load, report);
  report.note("kills", String(options.rounds));
  report.note("shards handed over", String(await stage.logged("handed over a shard")));
  report.note("events without an owner", String(await stage.logged("events without an owner")));
  report.note("repeats", `${findings.repeats.length} of ${findings.delivered}`);
  for (const whose of ["killed", "others"] as const) {
    const longest = waits.map((wait) => wait[whose]);
    report.note(
      `longest wait for delivery in a round, median and most: ${WHOSE[whose]}`,
      `${ms(quantile(longest, 0.5))}, ${ms(Math.max(0, ...longest))}`,
    );
  }
}

/** As many sessions of each shard: one without events would have no owner. */
function sessionsOf({ shards: count, sessions }: ShardsOptions): string[] {
  const of = shardNumbers(count).map((): string[] => []);
  for (let i = 0; of.some((some) => some.length < sessions / count); i++) {
    const session = `shards-${i}`;
    const some = of[shardOf(session, count)];
    if (some !== undefined && some.length < sessions / count) some.push(session);
  }
  return of.flat();
}

/** Waits until every relay has as many shards as any other, or one more. */
async function tellShares(
  when: string,
  { shards: count, relays }: ShardsOptions,
  report: Report,
  hearing: Hearing,
): Promise<void> {
  const [least, most] = [Math.floor(count / relays), Math.ceil(count / relays)];
  const shares = (): number[] => hearing.now().map((state) => state.shards.length);
  const isShared = (): boolean => {
    const found = shares();
    return found.length === relays && found.every((share) => share >= least && share <= most);
  };
  const began = performance.now();
  while (!isShared() && performance.now() - began < SHARE_MS) await delay(100);
  report.check(
    `shards of each relay, ${when}`,
    isShared(),
    `${shares().join(" ")} (${least} or ${most} each), after ${ms(performance.now() - began)}`,
  );
}

function longestWait(
  arrivals: Parameters<typeof firstApplied>[0],
  calls: readonly { marker: string; endedAt: number }[],
): number {
  const delivered = firstApplied(arrivals);
  return Math.max(0, ...calls.map(({ marker, endedAt }) => (delivered.get(marker) ?? endedAt) - endedAt));
}
