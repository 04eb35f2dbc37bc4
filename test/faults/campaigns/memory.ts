import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { judge } from "../judge.ts";
import { startLoad } from "../load.ts";
import { seededRandom } from "../random.ts";
import type { Report } from "../report.ts";
import type { Service } from "../service.ts";
import { onStage, type Stage } from "../stage.ts";

export type MemoryOptions = {
  seed: number;
  /** Waiting events of the one hot session, and of the others together. */
  hot: number;
  others: number;
  sessions: number;
};

const MOST_MB = 150;
const SAMPLE_MS = 250;
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
  const samples = startSampling([gateway, relay]);
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
  samples.tell(report, "while the backlog grows");
  await relay.kill9();
  await relay.ready();
  await delay(5000); // the whole backlog is offered to the new one
  samples.tell(report, "a relay that starts on the backlog");
  const drained = performance.now();
  await coordinator.start();
  await judge(stage, { calls: [...load.calls, ...hot.calls] }, report, 600_000);
  report.note("drained", `in ${seconds(drained)}`);
  samples.tell(report, "while it drains");
  samples.stop();
}

/** Samples the resident memory of processes, and tells the highest since the last time. */
function startSampling(services: readonly Service[]): {
  tell(report: Report, when: string): void;
  stop(): void;
} {
  const highest = new Map<string, number>();
  const timer = setInterval(() => {
    for (const service of services) void sample(service);
  }, SAMPLE_MS);

  async function sample(service: Service): Promise<void> {
    const status = await readFile(`/proc/${service.pid()}/status`, "utf8").catch(() => "");
    const kib = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    highest.set(service.name, Math.max(highest.get(service.name) ?? 0, kib / 1024));
  }

  return {
    tell(report, when) {
      for (const [name, mb] of highest) {
        report.check(`${name}, ${when}`, mb <= MOST_MB, `${mb.toFixed(0)} MB (at most ${MOST_MB})`);
      }
      highest.clear();
    },
    stop: () => clearInterval(timer),
  };
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
