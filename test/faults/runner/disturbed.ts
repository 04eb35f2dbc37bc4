import { startProcesses, type Processes } from "../processes.ts";
import { ms } from "../report.ts";
import { IDENTITY, startCrew, until, type Crew, type Job } from "./crew.ts";
import { coordinatorOf, type Play } from "./play.ts";
import { bareStartMs, watchPort } from "./port-watch.ts";
import { startUpService } from "./up-service.ts";
import { judgeCrew } from "./verdict.ts";

// What is done to the processes between a runner and its coordinator while its agents work.

/** Runs that last from before to after what is done, and others that begin after it. */
const BEFORE = 4;
const AFTER = 2;
/** Until polls are held and events flow again. */
const CALM_MS = 2000;
/** A run that a broken poll took is handed out within this, or never. */
const FOUND_MS = 60_000;

/**
 * `disturb` ends early when the runner dies, so that a play that fails does not take longer than one that holds. It may add runs, which
 * must be executed as well.
 */
async function disturbed<World extends AsyncDisposable>(
  play: Play,
  start: (coordinatorUrl: string) => Promise<{ world: World; url: string }>,
  disturb: (world: World, crew: Crew, add: () => void) => Promise<void>,
): Promise<void> {
  await using coordinator = await coordinatorOf(play);
  const { world, url } = await start(coordinator.url);
  await using _ = world;
  await using watch = watchPort(url);
  await using crew = await startCrew(coordinator, url);
  const before = await crew.give(BEFORE);
  await crew.pause(CALM_MS);
  const added: Job[] = [];
  await disturb(world, crew, () => void added.push(coordinator.createSession()));
  await crew.pause(CALM_MS);
  const after = crew.runner.died() === undefined ? await crew.give(AFTER) : [];
  await until(
    () => added.every(({ sessionId }) => crew.agents.has(sessionId)) || crew.runner.died() !== undefined,
    FOUND_MS,
  );
  await crew.pause(CALM_MS);
  const jobs = [...before, ...added, ...after];
  crew.finish(jobs);
  await judgeCrew(play, coordinator, crew, jobs);
  if (watch.refusals.length > 0) {
    play.report.note(`${play.name}: nobody listened for`, watch.refusals.map(ms).join(", "));
    play.report.note(`${play.name}: a Node that does nothing takes`, ms(await bareStartMs()));
  }
}

/** Gateway, relay and broker as services of their own. */
function withServices(
  play: Play,
  disturb: (world: Processes, crew: Crew, add: () => void) => Promise<void>,
): Promise<void> {
  const start = async (url: string): Promise<{ world: Processes; url: string }> => {
    const world = await startProcesses(url, { env: IDENTITY, dir: play.dir });
    return { world, url: world.gateway.url() };
  };
  return disturbed(play, start, disturb);
}

/** `up` is stopped as a service manager does, and started again as soon as it ended. */
export async function upRestarted(play: Play & { times: number }): Promise<void> {
  const took: { stoppedMs: number; readyMs: number }[] = [];
  await disturbed(
    play,
    async (url) => {
      const world = await startUpService(url, play.dir, IDENTITY);
      return { world, url: world.url };
    },
    async (up, crew) => {
      for (let i = 0; i < play.times && crew.runner.died() === undefined; i++) {
        took.push(await up.restart());
        await crew.pause(CALM_MS);
      }
    },
  );
  const shown = took.map(({ stoppedMs, readyMs }) => `${ms(stoppedMs)} + ${ms(readyMs - stoppedMs)}`);
  play.report.check(
    `${play.name}: all restarts were made`,
    took.length === play.times,
    `${took.length} of ${play.times}`,
  );
  play.report.note(`${play.name}: to end + until ready`, shown.join(", "));
}

/** The relay is killed and comes back at once, or `awayMs` later. */
export async function relayKilled(
  play: Play & { times: number; gapMs: number; awayMs?: number },
): Promise<void> {
  await withServices(play, async ({ relays }, crew) => {
    for (let i = 0; i < play.times && crew.runner.died() === undefined; i++) {
      await relays[0]?.kill9(play.awayMs);
      await relays[0]?.ready();
      await crew.pause(play.gapMs);
    }
  });
}

/** The relay hangs. */
export async function relayStopped(play: Play & { stoppedMs: number }): Promise<void> {
  await withServices(play, async ({ relays }, crew) => {
    relays[0]?.signal("SIGSTOP");
    await crew.pause(play.stoppedMs);
    relays[0]?.signal("SIGCONT");
  });
}

/** The broker is killed, and started again at once. */
export async function brokerKilled(play: Play & { times: number; gapMs: number }): Promise<void> {
  await withServices(play, async ({ broker }, crew) => {
    for (let i = 0; i < play.times && crew.runner.died() === undefined; i++) {
      await broker.kill9();
      await broker.restart();
      await crew.pause(play.gapMs);
    }
  });
}

/** The gateway is killed and comes back at once, on its port. Each time a run is made that the broken poll takes. */
export async function gatewayKilled(play: Play & { times: number; gapMs: number }): Promise<void> {
  await withServices(play, async ({ gateway }, crew, add) => {
    for (let i = 0; i < play.times && crew.runner.died() === undefined; i++) {
      await gateway.kill9();
      add();
      await gateway.ready();
      await crew.pause(play.gapMs);
    }
  });
}
