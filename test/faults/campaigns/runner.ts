import type { Report } from "../report.ts";
import { brokerKilled, gatewayKilled, relayKilled, relayStopped, upRestarted } from "../runner/disturbed.ts";
import { ghosts } from "../runner/ghosts.ts";
import { leftInOutage } from "../runner/leaving.ts";
import { coordinatorAway } from "../runner/outages.ts";
import { inFolder, type Play } from "../runner/play.ts";

// runner/crew.ts a runner with agents at work · disturbed.ts, ghosts.ts, outages.ts, leaving.ts what is done · verdict.ts what must hold

/** A coordinator holds a poll this long in most plays. */
const POLL_MS = 5000;
/** And the real one so long. Only a finished poll resets a runner's count, so that three hiccups within a minute are three in a row. */
const REAL_POLL_MS = 30_000;

const PLAYS: Record<string, (play: Play) => Promise<void>> = {
  "up-restarts": (play) => upRestarted({ ...play, times: 5 }),
  "relay-killed": (play) => relayKilled({ ...play, times: 3, gapMs: 5000 }),
  "relay-killed-30s": (play) => relayKilled({ ...play, pollMs: REAL_POLL_MS, times: 3, gapMs: 15_000 }),
  "relay-stopped": (play) => relayStopped({ ...play, stoppedMs: 20_000 }),
  "relay-away": (play) => relayKilled({ ...play, times: 1, gapMs: 5000, awayMs: 5000 }),
  "broker-killed": (play) => brokerKilled({ ...play, pollMs: REAL_POLL_MS, times: 3, gapMs: 10_000 }),
  "gateway-killed": (play) => gatewayKilled({ ...play, pollMs: REAL_POLL_MS, times: 2, gapMs: 10_000 }),
  ghosts: (play) => ghosts({ ...play, runs: 20 }),
  "left-in-outage": (play) => leftInOutage({ ...play, awayMs: 3000, forgetRunners: false }),
  "left-in-restart": (play) => leftInOutage({ ...play, awayMs: 3000, forgetRunners: true }),
  // longer than a poll is held, and than a runner waits for its answer
  outage: (play) => coordinatorAway({ ...play, awayMs: 40_000, forgetRunners: false }),
  forgotten: (play) => coordinatorAway({ ...play, awayMs: 40_000, forgetRunners: true }),
};

export const RUNNER_PLAYS: readonly string[] = Object.keys(PLAYS);

/** A runner with the original's patience behind gateway and relay, which are restarted, killed and frozen while its agents work. */
export async function runner({ play: only }: { play?: string | undefined }, report: Report): Promise<void> {
  for (const [name, play] of Object.entries(PLAYS)) {
    if (only !== undefined && only !== name) continue;
    await inFolder(report, (dir) => play({ name, report, pollMs: POLL_MS, dir }));
  }
}
