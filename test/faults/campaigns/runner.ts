import { setTimeout as delay } from "node:timers/promises";
import { startCoordinator, type TestCoordinator } from "../../support/coordinator.ts";
import { startScriptedRunner, type ScriptedRunner } from "../../support/scripted-runner.ts";
import { startProcesses } from "../processes.ts";
import type { Report } from "../report.ts";

export type RunnerOptions = {
  /** How long the coordinator is away. */
  awayMs: number;
  /** Events of each run, spread over the outage. */
  events: number;
  runs: number;
};

/** A coordinator holds a poll this long; the real one 30 s. */
const POLL_MS = 5000;
const BACK_MS = 30_000;

/** A runner behind gateway and relay, scripted to the original's patience, lives through an outage and a coordinator that forgot it. */
export async function runner(options: RunnerOptions, report: Report): Promise<void> {
  await using coordinator = await startCoordinator({ pollMs: POLL_MS });
  await using processes = await startProcesses(coordinator.url);
  await using polling = await startScriptedRunner(processes.gateway.url());

  await play("an outage", {}, coordinator, polling, options, report);
  await play(
    "a restart that forgets runners",
    { forgetRunners: true },
    coordinator,
    polling,
    options,
    report,
  );

  const began = Date.now();
  await coordinator.stop();
  await coordinator.start({ forgetRunners: true });
  const { runId } = coordinator.createSession();
  const found = await until(() => polling.runs.some(([run]) => run === runId), BACK_MS);
  report.check("a run is given to it after a quick restart", found, `${Date.now() - began} ms`);
  report.check("the runner lives", polling.died() === undefined, polling.died() ?? "to the end");
  report.note(
    "its answers from the relay / the coordinator",
    `${polling.answers.relay} / ${polling.answers.coordinator}`,
  );
}

async function play(
  name: string,
  back: { forgetRunners?: boolean },
  coordinator: TestCoordinator,
  polling: ScriptedRunner,
  options: RunnerOptions,
  report: Report,
): Promise<void> {
  const begun = Array.from({ length: options.runs }, () => coordinator.createSession());
  const given = (): number => begun.filter(({ runId }) => polling.runs.some(([run]) => run === runId)).length;
  await until(() => given() === options.runs, BACK_MS);
  await coordinator.stop();
  const relayed = polling.answers.relay;
  const end = Date.now() + options.awayMs;
  await Promise.all(begun.map(({ sessionId, runId }) => polling.work(runId, sessionId, options.events)));
  await delay(Math.max(0, end - Date.now()));
  report.check(
    `${name}: polls and heartbeats answered meanwhile`,
    polling.answers.relay > relayed,
    `${polling.answers.relay - relayed} in ${options.awayMs / 1000} s`,
  );
  const died = polling.died();
  report.check(`${name}: the runner outlives it`, died === undefined, died ?? "alive");

  const since = Date.now();
  await coordinator.start(back);
  const expected = [...Array.from({ length: options.events }, (_, i) => `t${i}`), "u", "completed"];
  const whole = (): number =>
    begun.filter(({ sessionId }) => storyOf(coordinator, sessionId).at(-1) === "completed").length;
  await until(() => whole() === options.runs, BACK_MS);
  report.check(
    `${name}: runs reported as completed`,
    whole() === options.runs,
    `${whole()} of ${options.runs}, ${Date.now() - since} ms after its return`,
  );
  const right = begun.filter(
    ({ sessionId }) => storyOf(coordinator, sessionId).join() === expected.join(),
  ).length;
  report.check(
    `${name}: events in order, the report last (ORDER-1)`,
    right === options.runs,
    `${right} of ${options.runs} sessions`,
  );
}

/** What the coordinator carried out of a session: its events by timestamp, then the report that ended its run. */
function storyOf(coordinator: TestCoordinator, session: string): string[] {
  return coordinator
    .writes(session)
    .filter(({ status }) => status === 200 || status === 201)
    .flatMap(({ path, body }) => {
      if (path.endsWith("/events")) return [(JSON.parse(body ?? "") as { timestamp: string }).timestamp];
      return path.endsWith("/completed") ? ["completed"] : [];
    });
}

async function until(done: () => boolean, limitMs: number): Promise<boolean> {
  const end = Date.now() + limitMs;
  while (!done() && Date.now() < end) await delay(20);
  return done();
}
