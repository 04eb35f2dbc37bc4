import { setTimeout as delay } from "node:timers/promises";
import { allInStep, leaderOfLog } from "../../support/cluster-leaders.ts";
import { firstApplied } from "../checker.ts";
import { judge } from "../judge.ts";
import { startLoad } from "../load.ts";
import { seededRandom } from "../random.ts";
import { ms, quantile, type Report } from "../report.ts";
import { onCluster, type ClusterHome } from "./home.ts";

export type ElectionsPlan = {
  seed: number;
  kills: number;
  /** Executors of each kind: as existing ones, and such as wait for `waitS`. */
  writers: number;
  perSecond: number;
  waitS: number;
  awayMs: number;
  calmMs: number;
};

const PATIENT = "patient";
/** Longest silence of an election, with what comes before and behind it. */
const WINDOW_MS = 15_000;

/** The server that leads the log is killed again and again: how long nothing can be stored, and who is refused. */
export async function elections(plan: ElectionsPlan, report: Report): Promise<void> {
  await onCluster(report, (home) => play(plan, home, report));
}

async function play(plan: ElectionsPlan, home: ClusterHome, report: Report): Promise<void> {
  const { cluster, jsm, gateway } = home;
  const named = (kind: string): string[] => Array.from({ length: plan.writers }, (_, i) => `${kind}-${i}`);
  const usual = { perSecond: plan.perSecond };
  const load = startLoad({
    url: () => gateway.url(),
    random: seededRandom(plan.seed),
    writers: [
      ...named("usual").map((session, i) => ({ ...usual, session, async: i % 2 === 0 })),
      ...named(PATIENT).map((session) => ({ ...usual, session, waitS: plan.waitS })),
    ],
  });
  await delay(plan.calmMs);
  const silences: number[] = [];
  const refused = { usual: [] as number[], patient: [] as number[] };
  for (let kill = 0; kill < plan.kills; kill++) {
    await allInStep(jsm);
    const from = Date.now();
    const over = home.trouble();
    await cluster.kill(await leaderOfLog(jsm), plan.awayMs);
    await allInStep(jsm);
    over();
    await delay(plan.calmMs);
    silences.push(longestSilence(load.calls, from));
    const since = load.refusals.filter(({ at }) => at >= from - WINDOW_MS / 3 && at < Date.now());
    const ofPatient = since.filter(({ marker }) => marker.startsWith(PATIENT)).length;
    refused.patient.push(ofPatient);
    refused.usual.push(since.length - ofPatient);
  }
  await load.stop();
  await judge(home, load, report);
  report.note("kills of the log's leader", String(plan.kills));
  report.note("nothing was acknowledged", `median ${ms(quantile(silences, 0.5))}, ${range(silences)} ms`);
  report.note(`503 for each kill, ${plan.writers} executors as they are`, range(refused.usual));
  const patient = refused.patient.reduce((sum, n) => sum + n, 0);
  report.check(
    `503 for each kill, ${plan.writers} executors that wait for ${plan.waitS} s`,
    patient === 0,
    range(refused.patient),
  );
  tellRefusals(load.refusals, report);
  const applied = firstApplied(await home.arrivals());
  const late = load.calls.map(({ marker, endedAt }) => (applied.get(marker) ?? endedAt) - endedAt);
  report.note("longest way from the acknowledgement to the coordinator", ms(Math.max(0, ...late)));
}

/** A refusal is true if the log could not be reached: what is refused for good must not be stored. */
export function tellRefusals(refusals: readonly { status: number; text: string }[], report: Report): void {
  const codes = refusals.map(({ status, text }) => `${status} ${/"code":"(\w+)"/.exec(text)?.[1] ?? "?"}`);
  const counted = [...new Set(codes)].map((code) => `${codes.filter((it) => it === code).length} × ${code}`);
  const untrue = codes.filter((code) => code !== "503 log_unreachable");
  report.check("refusals that are not true", untrue.length === 0, counted.join(", ") || "0 refusals");
}

/** Longest time between two acknowledgements, since then. */
function longestSilence(calls: readonly { endedAt: number }[], from: number): number {
  const moments = calls.map(({ endedAt }) => endedAt).filter((at) => at >= from);
  return Math.max(0, ...moments.map((at, i) => at - (moments[i - 1] ?? from)));
}

function range(numbers: readonly number[]): string {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)].map(Math.round);
  return least === most ? `${least}` : `${least} to ${most}`;
}
