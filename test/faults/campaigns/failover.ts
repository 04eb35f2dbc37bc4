import { setTimeout as delay } from "node:timers/promises";
import { check, firstApplied } from "../checker.ts";
import { judge } from "../judge.ts";
import { startLoad } from "../load.ts";
import { seededRandom } from "../random.ts";
import { ms, type Report } from "../report.ts";
import type { Service } from "../service.ts";
import { onStage, type Stage } from "../stage.ts";

export type FailoverOptions = {
  seed: number;
  /** Disturbances, killed and frozen in turn, one relay at a time. */
  rounds: number;
  sessions: number;
  perSecond: number;
  /** How long a frozen relay is frozen, and a killed one away: longer than the pin's 3 s, so that the other one takes over. */
  awayMs: number;
  /** Between two disturbances. */
  calmMs: number;
};

/** After a frozen relay runs again, whatever it still sends arrives within this. */
const AWAKE_MS = 150;

/** Two relays, of which one at a time dies or is frozen and comes back with a memory of what it was about to send (ORDER-1, ONCE-1). */
export async function failover(options: FailoverOptions, report: Report): Promise<void> {
  await onStage(report, (stage) => play(options, report, stage));
}

async function play(options: FailoverOptions, report: Report, stage: Stage): Promise<void> {
  const random = seededRandom(options.seed);
  const relays = [stage.relay, await stage.addRelay("relay-b")];
  const load = startLoad({
    url: () => stage.gateway.url(),
    random,
    writers: Array.from({ length: options.sessions }, (_, i) => ({
      session: `failover-${i}`,
      perSecond: options.perSecond,
      async: i % 2 === 0,
    })),
  });
  await delay(options.calmMs);
  const woken: number[] = [];
  let longest = 0;
  for (let round = 0; round < options.rounds; round++) {
    const victim = relays[Math.floor(random.next() * relays.length)] as Service;
    const from = Date.now();
    if (round % 2 === 0) {
      await victim.kill9(options.awayMs);
      await delay(options.awayMs);
      await victim.ready();
    } else {
      stage.crashed();
      victim.signal("SIGSTOP");
      await delay(options.awayMs);
      victim.signal("SIGCONT");
      woken.push(Date.now());
    }
    await delay(options.calmMs);
    longest = Math.max(longest, longestSilence(await stage.arrivals(), from));
  }
  await load.stop();

  const { repeats } = check({ acknowledged: [], arrivals: await stage.arrivals(), dead: new Set() });
  const firstAt = firstApplied(await stage.arrivals());
  const findings = await judge(stage, load, report);
  const kills = Math.ceil(options.rounds / 2);
  report.note("disturbances", `${kills} × kill -9, ${woken.length} × frozen`);
  report.note("repeats", `${findings.repeats.length} of ${findings.delivered}`);
  const ages = repeats.map(({ at, marker = "" }) => ({ at, firstAt: firstAt.get(marker) ?? 0 }));
  const stale = ages.filter((it) =>
    woken.some((at) => it.firstAt < at && it.at >= at && it.at < at + AWAKE_MS),
  );
  report.check("stale forwards of a relay that wakes up", stale.length === 0, String(stale.length));
  report.note("longest silence at the coordinator", ms(longest));
}

function longestSilence(arrivals: readonly { at: number; applied: boolean }[], from: number): number {
  const moments = arrivals.filter((it) => it.applied && it.at >= from).map((it) => it.at);
  return Math.max(0, ...moments.map((at, i) => at - (moments[i - 1] ?? from)));
}
