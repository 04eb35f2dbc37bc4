import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { cpuPerEvent, residentBytes } from "../../../bench/usage.ts";
import { startLoad, type Load } from "../load.ts";
import { startProcesses } from "../processes.ts";
import { seededRandom } from "../random.ts";
import { ms, quantile, type Report } from "../report.ts";
import type { ThrowPlan } from "../throw-bombs.ts";

export type BombsOptions = Omit<ThrowPlan, "url"> & {
  /** Connections that hold half a body or half a head all the time. */
  half: number;
  quietMs: number;
};

const MIB = 1024 ** 2;
/** A process may not grow by more over its value at rest. */
const MOST_GROWTH = 60 * MIB;
/** Another session's p99 beside bombs, by its quiet value. */
const MOST_SLOWER = 2;
const SAMPLE_MS = 250;

/** Bodies, heads and queries that are built to be expensive, beside sessions that are not (BOUND-1, ISOLATE-1). */
export async function bombsGateway(options: BombsOptions, report: Report): Promise<void> {
  await using upstream = await startUpstream();
  await using processes = await startProcesses(upstream.url);
  const { gateway } = processes;
  const random = seededRandom(options.seed);
  const others = (name: string): Load =>
    startLoad({
      url: () => gateway.url(),
      random,
      writers: Array.from({ length: 5 }, (_, i) => ({ session: `${name}-${i}`, perSecond: 10, async: true })),
    });

  const warm = others("warm");
  await delay(options.quietMs / 2);
  await warm.stop();
  const quiet = others("quiet");
  await delay(options.quietMs);
  await quiet.stop();
  const rest = await residentBytes(gateway.pid() ?? 0);
  const largest = watch(() => gateway.pid());

  const beside = others("beside");
  const half = holdHalf(gateway.url(), options.half);
  const plan = { ...options, url: gateway.url() };
  const { result: told, cpu } = await cpuPerEvent(
    { gateway: gateway.pid() ?? 0, relay: processes.relays[0]?.pid() ?? 0 },
    () => throwAll(plan),
    () => options.bodies,
  );
  half.end();
  await beside.stop();
  await delay(SAMPLE_MS * 2);

  report.note(
    `${options.bodies} bombs, answers`,
    [...told]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([what, n]) => `${what}: ${n}`)
      .join(", "),
  );
  report.note(
    "processor time per bomb",
    Object.entries(cpu)
      .map(([name, us]) => `${name} ${Math.round(us)} µs`)
      .join(", "),
  );
  report.check("each was answered, none by a defect", ![...told.keys()].some(isDefect), "");
  report.check(
    "the gateway lived through them",
    gateway.surprises.length === 0,
    gateway.surprises.join(", "),
  );
  const grown = largest() - (rest ?? NaN);
  report.check(
    "memory over its value at rest",
    grown <= MOST_GROWTH,
    `${mib(grown)} (at most ${mib(MOST_GROWTH)}; at rest ${mib(rest ?? NaN)})`,
  );
  const before = quantile(times(quiet), 0.99);
  const during = quantile(times(beside), 0.99);
  report.check(
    "p99 of other sessions",
    during <= MOST_SLOWER * before,
    `${ms(during)}, quiet ${ms(before)}; p50 ${ms(quantile(times(beside), 0.5))}, quiet ${ms(quantile(times(quiet), 0.5))}`,
  );
  report.check(
    "none of their events was refused",
    beside.refusals.length === 0,
    JSON.stringify(beside.refusals.slice(0, 3)),
  );
  report.check(
    "nor left without an answer",
    beside.unanswered.size === 0,
    JSON.stringify([...beside.unanswered]),
  );
}

/** Answers without a look at the body: what a coordinator makes of bombs is its own matter. */
async function startUpstream(): Promise<{ url: string; [Symbol.asyncDispose](): Promise<void> }> {
  const server = createServer((incoming, response) => {
    incoming.resume();
    incoming.on("end", () => response.setHeader("content-type", "application/json").end('{"ok":true}'));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Throws them from a thread of its own: building a bomb takes time as well, in which nobody could be measured here. */
async function throwAll(plan: ThrowPlan): Promise<Map<string, number>> {
  const worker = new Worker(new URL("../throw-bombs.ts", import.meta.url), { workerData: plan });
  const [told] = (await once(worker, "message")) as [[string, number][]];
  await worker.terminate();
  return new Map(told);
}

/** No answer at all, or the gateway's own failure. Refusals are answers, and so is 503 where it says when to come back. */
function isDefect(answer: string): boolean {
  return answer.startsWith("500") || answer.startsWith("none") || answer === "broken off";
}

/** Keeps connections that send half of something; one that is told to go comes again. */
function holdHalf(url: string, count: number): { end(): void } {
  const { hostname, port } = new URL(url);
  const head = `POST /events HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\n`;
  const halves = [
    `${head}Content-Length: 4194304\r\n\r\n{`,
    `${head}Content-Length: 65536\r\n\r\n${" ".repeat(65_000)}`,
    `${head}Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n`,
    `${head}X: ${"y".repeat(8000)}`,
    "",
  ];
  const sockets = new Set<Socket>();
  let over = false;
  const open = (i: number): void => {
    if (over) return;
    const socket = connect(Number(port), hostname, () => socket.write(halves[i % halves.length] ?? ""));
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      setTimeout(open, 1000, i);
    });
    socket.resume();
  };
  for (let i = 0; i < count; i++) open(i);
  return {
    end() {
      over = true;
      for (const socket of sockets) socket.destroy();
    },
  };
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

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
