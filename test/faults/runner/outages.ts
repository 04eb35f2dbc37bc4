import { startProcesses } from "../processes.ts";
import { IDENTITY, startCrew } from "./crew.ts";
import { coordinatorOf, type Play } from "./play.ts";
import { judgeCrew } from "./verdict.ts";

const RUNS = 5;
/** Until polls are held again. */
const CALM_MS = 2000;

/**
 * The coordinator is away, longer than a poll lasts; half of the runs end meanwhile. `forgetRunners`: it comes back as after a restart,
 * and once more after a quick one.
 */
export async function coordinatorAway(
  play: Play & { awayMs: number; forgetRunners: boolean },
): Promise<void> {
  const { name, report, forgetRunners } = play;
  await using coordinator = await coordinatorOf(play);
  await using processes = await startProcesses(coordinator.url, { env: IDENTITY, dir: play.dir });
  await using crew = await startCrew(coordinator, processes.gateway.url());
  const jobs = await crew.give(RUNS);
  const relayed = crew.runner.answers.relay;
  await coordinator.stop();
  await crew.pause(play.awayMs / 2);
  crew.finish(jobs.slice(0, RUNS / 2));
  await crew.pause(play.awayMs / 2);
  const answered = crew.runner.answers.relay - relayed;
  report.check(
    `${name}: polls and heartbeats answered meanwhile`,
    answered > 0,
    `${answered} in ${play.awayMs / 1000} s`,
  );
  await coordinator.start({ forgetRunners });
  if (forgetRunners) {
    await crew.pause(CALM_MS);
    await coordinator.stop();
    await coordinator.start({ forgetRunners });
  }
  const later = await crew.give(1);
  crew.finish([...jobs, ...later]);
  await judgeCrew(play, coordinator, crew, [...jobs, ...later]);
}
