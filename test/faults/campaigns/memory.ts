import { setTimeout as delay } from "node:timers/promises";
import { judge } from "../judge.ts";
import { startLoad } from "../load.ts";
import { seededRandom } from "../random.ts";
import type { Report } from "../report.ts";
import { sampleResident } from "../resident.ts";
import { onStage, type Stage } from "../stage.ts";

export type MemoryOptions = {
  seed: number;
  /** Waiting events of the one hot session, and of the others together. */
  hot: number;
  others: number;
  sessions: number;
};

const MOST_MB = 150;
/** One alone would take minutes. */
const HOT_WRITERS = 32;

/** A backlog grows while the coordinator is away and is drained: memory does not follow it (BOUND-1). */
export async function memory(options: MemoryOptions, report: Report): Promise<void> {
  const limit = { RUNNER_RELAY_SESSION_MAX_EVENTS: String(options.hot * 2) };
  await onStage(report, (stage) => play(options, report, stage), {
    gatewayEnv: limit,
  });
}

async function play(options: MemoryOptions, report: Report, stage: Stage): Promise<void> {
  const { coordinator, gateway, relay } = stage;
  const samples = sampleResident([gateway, relay]);
  stage.crashed();
  await coordinator.kill9();
  const load = startLoad({
    url: () => gateway.url(),
    random: seededRandom(options.seed),
    writers: Array.from({ length: options.sessions }, (_, i) => ({
      session: `many-${i}`,
      perSecond: 1000, // as fast as it is answered
      async: true,
      events: Math.ceil(options.others / options.sessions),
    })),
  });
  const hot = startLoad({
    url: () => gateway.url(),
    random: seededRandom(options.seed),
    writers: Array.from({ length: HOT_WRITERS }, (_, i) => ({
      session: "hot",
      name: `hot-${i}`,
      perSecond: 1000,
      async: true,
      events: Math.ceil(options.hot / HOT_WRITERS),
    })),
  });
  const began = performance.now();
  await Promise.all([load.finished(), hot.finished()]);
  report.note("written", `${options.hot + options.others} events in ${seconds(began)}`);
  samples.tell(report, "while the backlog grows", MOST_MB);
  await relay.kill9();
  await relay.ready();
  await delay(5000); // the whole backlog is offered to the new one
  samples.tell(report, "a relay that starts on the backlog", MOST_MB);
  const drained = performance.now();
  await coordinator.start();
  await judge(stage, { calls: [...load.calls, ...hot.calls] }, report, 600_000);
  report.note("drained", `in ${seconds(drained)}`);
  samples.tell(report, "while it drains", MOST_MB);
  samples.stop();
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
