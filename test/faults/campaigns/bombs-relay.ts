import { once } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { cpuPerEvent, residentBytes } from "../../../bench/usage.ts";
import { DEAD_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { startHostileCoordinator } from "../hostile-coordinator.ts";
import { startLoad, type Load } from "../load.ts";
import { startProcesses } from "../processes.ts";
import { seededRandom } from "../random.ts";
import { watchMachine, type MachineShare } from "../machine-share.ts";
import { ms, quantile, type Report } from "../report.ts";
import type { MessagePlan, Thrown } from "../throw-messages.ts";

export type MessageBombsOptions = Omit<MessagePlan, "access" | "gateway"> & { quietMs: number };

const MIB = 1024 ** 2;
/** The relay may not grow by more over its value at rest. */
const MOST_GROWTH = 60 * MIB;
/** Another session's p99 beside bombs, by its quiet value. */
const MOST_SLOWER = 2;
const SAMPLE_MS = 250;
/** How long what was thrown may take to become dead letters after the last one. */
const SETTLE_MS = 60_000;

/** Messages in the log, answers, questions and frames that are built to be expensive, beside sessions that are not (BOUND-1, ISOLATE-1). */
export async function bombsRelay(options: MessageBombsOptions, report: Report): Promise<void> {
  await using coordinator = await startHostileCoordinator(options.seed + 1);
  await using processes = await startProcesses(coordinator.url);
  const { gateway, broker } = processes;
  const [relay] = processes.relays;
  if (relay === undefined) throw new Error("no relay");
  const jsm = await jetstreamManager(await broker.connect("operator"), { checkAPI: false });
  const others = (name: string): Load =>
    startLoad({
      url: () => gateway.url(),
      random: seededRandom(options.seed),
      writers: Array.from({ length: 5 }, (_, i) => ({ session: `${name}-${i}`, perSecond: 10 })),
    });

  const warm = others("warm");
  await delay(options.quietMs / 2);
  await warm.stop();
  const pids = { relay: relay.pid() ?? 0, broker: broker.pid() };
  const all = [...Object.values(pids), gateway.pid() ?? 0, process.pid];
  const quietShare = await watchMachine(all);
  const quiet = others("quiet");
  await delay(options.quietMs);
  await quiet.stop();
  const machineQuiet = await quietShare();
  const rest = (await residentBytes(relay.pid() ?? 0)) ?? NaN;
  const largest = watch(() => relay.pid());

  const own = monitorEventLoopDelay({ resolution: 5 });
  own.enable();
  const besideShare = await watchMachine(all);
  const beside = others("beside");
  const { result: thrown, cpu } = await cpuPerEvent(
    pids,
    () => throwAll({ ...options, access: broker.access("gateway", "gw2"), gateway: "gw2" }),
    () => options.messages,
  );
  const machineBeside = await besideShare();
  await beside.stop();
  own.disable();
  await delay(SAMPLE_MS * 2);
  const letters = await deadLetters(jsm, thrown.unreadable);

  report.note(
    `${options.messages} messages`,
    `${Object.entries(thrown)
      .map(([what, n]) => `${what} ${n}`)
      .join(", ")}; ${coordinator.bombs()} answers`,
  );
  report.note(
    "processor time per message",
    Object.entries(cpu)
      .map(([name, us]) => `${name} ${Math.round(us)} µs`)
      .join(", "),
  );
  report.note("delay of the measuring thread itself", `p99 ${ms(own.percentile(99) / 1e6)}`);
  report.note("the machine, quiet", shareText(machineQuiet));
  report.note("the machine, beside bombs", shareText(machineBeside));
  const ended = [...gateway.surprises, ...relay.surprises];
  report.check("relay and gateway lived through them", ended.length === 0, ended.join(", "));
  const grown = largest() - rest;
  report.check(
    "memory over its value at rest",
    grown <= MOST_GROWTH,
    `${mib(grown)} (at most ${mib(MOST_GROWTH)}; at rest ${mib(rest)})`,
  );
  const [before, during] = [quantile(times(quiet), 0.99), quantile(times(beside), 0.99)];
  report.check(
    "p99 of other sessions",
    during <= MOST_SLOWER * before,
    `${ms(during)}, quiet ${ms(before)}; p50 ${ms(quantile(times(beside), 0.5))}, quiet ${ms(quantile(times(quiet), 0.5))}`,
  );
  report.check(
    "none of their events was refused or left without an answer",
    beside.refusals.length + beside.unanswered.size === 0,
    JSON.stringify([beside.refusals.slice(0, 3), [...beside.unanswered]]),
  );
  report.check(
    "what nobody can read is a dead letter",
    letters >= thrown.unreadable,
    `${letters} letters, ${thrown.unreadable} unreadable`,
  );
}

/** Throws them from a thread of its own: building a bomb takes time as well, in which nobody could be measured here. */
async function throwAll(plan: MessagePlan): Promise<Thrown> {
  const worker = new Worker(new URL("../throw-messages.ts", import.meta.url), { workerData: plan });
  const [thrown] = (await once(worker, "message")) as [Thrown];
  await worker.terminate();
  return thrown;
}

/** How many letters there are when these are expected, or no more come. */
async function deadLetters(jsm: JetStreamManager, expected: number): Promise<number> {
  for (const end = performance.now() + SETTLE_MS; ; await delay(SAMPLE_MS)) {
    const { state } = await jsm.streams.info(DEAD_STREAM);
    if (state.messages >= expected || performance.now() > end) return state.messages;
  }
}

/** The largest resident size from now on; of every process that has this place. */
function watch(pid: () => number | undefined): () => number {
  let largest = 0;
  const timer = setInterval(() => {
    void residentBytes(pid() ?? 0).then((bytes) => (largest = Math.max(largest, bytes ?? 0)));
  }, SAMPLE_MS);
  return () => {
    clearInterval(timer);
    return largest;
  };
}

function times({ calls }: Load): number[] {
  return calls.map((call) => call.ms);
}

/** Times say nothing of bombs where others used the machine. Their part is at rest what the kernel does for the campaign. */
function shareText(share: MachineShare | undefined): string {
  if (share === undefined) return "unknown";
  const percent = (part: number): string => `${Math.round(part * 100)} %`;
  const { named, others, stolen, idle } = share;
  return `campaign ${percent(named)}, others and kernel ${percent(others)}, stolen ${percent(stolen)}, idle ${percent(idle)}`;
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
