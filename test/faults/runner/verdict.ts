import type { LedgerEntry, TestCoordinator } from "../../support/coordinator.ts";
import { ms } from "../report.ts";
import { until, type Crew, type Job } from "./crew.ts";
import type { Play } from "./play.ts";

/** A backlog drains in seconds; a run that nobody hears of within this is lost. */
const SETTLE_MS = 60_000;

/**
 * What must hold of a runner and its runs, whatever was done to those between it and the coordinator: it lives, each run was given to
 * it once, the events of each session came in order and none is lost, and each run was reported as completed after its result.
 */
export async function judgeCrew(
  { name, report }: Play,
  coordinator: TestCoordinator,
  crew: Crew,
  jobs: readonly Job[],
): Promise<void> {
  const { runner, agents } = crew;
  const since = Date.now();
  const story = (job: Job): string[] => storyOf(coordinator.writes(job.sessionId));
  const ended = (): number => jobs.filter((job) => story(job).at(-1) === "completed").length;
  const sentOf = (job: Job): readonly string[] => agents.get(job.sessionId)?.sent ?? [];
  const heard = (): boolean => jobs.every((job) => sentOf(job).every((step) => story(job).includes(step)));
  // a runner that died reports nothing more, but what its agents had sent must come
  await until(() => ended() === jobs.length || (runner.died() !== undefined && heard()), SETTLE_MS);
  const tookMs = Date.now() - since;

  const died = runner.died();
  report.check(`${name}: the runner lives`, died === undefined, died ?? "to the end");
  const given = jobs.map(({ runId }) => runner.runs.filter(([run]) => run === runId).length);
  const once = given.filter((times) => times === 1).length;
  report.check(
    `${name}: each run given to it once`,
    once === jobs.length,
    `${once} of ${jobs.length}${once === jobs.length ? "" : `: ${given.join(" ")} times`}`,
  );
  const wrong = jobs.flatMap((job) => {
    const problem = differenceOf(sentOf(job), story(job));
    return problem === undefined ? [] : [`${job.sessionId}: ${problem}`];
  });
  report.check(
    `${name}: events in order, none lost (ORDER-1)`,
    wrong.length === 0,
    wrong[0] ?? `${jobs.reduce((sum, job) => sum + sentOf(job).length, 0)} events`,
  );
  report.check(
    `${name}: runs reported after their result`,
    ended() === jobs.length,
    `${ended()} of ${jobs.length}, ${tookMs} ms after they ended`,
  );
  report.note(`${name}: failed polls in a row`, failuresOf(crew));
  report.note(`${name}: longest without a finished poll`, ms(longestGap([...runner.polled, Date.now()])));
  report.note(`${name}: answers by us / the coordinator`, answersOf(crew));
  const refused = jobs.flatMap(({ sessionId }) => agents.get(sessionId)?.refused ?? []);
  const slowest = Math.max(0, ...jobs.map(({ sessionId }) => agents.get(sessionId)?.slowestMs() ?? 0));
  report.note(
    `${name}: attempts of agents refused`,
    `${refused.length}${tally(refused)}; slowest event ${ms(slowest)}`,
  );
  if (runner.lostReports.length > 0)
    report.note(`${name}: reports that were not accepted`, runner.lostReports.join("; ").slice(0, 500));
}

/** What the coordinator carried out of a session, in the order of first arrivals: its events by timestamp, and the end of its run. Pure. */
export function storyOf(writes: readonly LedgerEntry[]): string[] {
  const told = writes
    .filter(({ applied }) => applied)
    .flatMap(({ path, body }) => {
      if (path.endsWith("/events")) return [(JSON.parse(body ?? "") as { timestamp: string }).timestamp];
      return path.endsWith("/completed") ? ["completed"] : [];
    });
  return Array.from(new Set(told));
}

/** Where a story is not what was sent, with the completed run at its end; undefined if it is. Pure. */
export function differenceOf(sent: readonly string[], story: readonly string[]): string | undefined {
  const heard = story.filter((step) => step !== "completed");
  const missing = sent.filter((step) => !heard.includes(step));
  if (missing.length > 0) return `${missing.length} of ${sent.length} lost, the first ${missing[0]}`;
  const at = heard.findIndex((step, i) => sent[i] !== step && i < sent.length);
  if (at >= 0) return `${heard[at]} at place ${at}, where ${sent[at]} was sent`;
  if (story.includes("completed") && story.at(-1) !== "completed")
    return `${story.at(-1)} after the report of the end`;
  return sent.length === 0 ? "nothing was sent" : undefined;
}

function failuresOf({ runner }: Crew): string {
  const { failures } = runner;
  if (failures.length === 0) return "none";
  const most = Math.max(...failures.map(({ count }) => count));
  return `${failures.length}, at most ${most} in a row${tally(failures.map(({ why }) => why))}`;
}

function answersOf({ runner }: Crew): string {
  return `${runner.answers.relay} / ${runner.answers.coordinator}`;
}

/** Reasons with how often each came. Pure. */
function tally(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) {
    const short = reason.slice(0, 60);
    counts.set(short, (counts.get(short) ?? 0) + 1);
  }
  const parts = Array.from(counts, ([reason, count]) => `${count} × ${reason}`);
  return parts.length === 0 ? "" : ` (${parts.slice(0, 4).join("; ")})`;
}

function longestGap(moments: readonly number[]): number {
  return Math.max(0, ...moments.map((moment, i) => moment - (moments[i - 1] ?? moment)));
}
