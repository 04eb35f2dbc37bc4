import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readRunning } from "../../../src/cli/up/kept.ts";
import { eventually, PATIENCE_MS } from "../../support/eventually.ts";
import { podClient, type PodClient } from "../../support/pod-client.ts";
import { dataFolder, startUp, type Up } from "../../support/up.ts";

// The socket of the sessions server belongs to `up`: the server comes and goes, and clients wait meanwhile.

/** Restarts of a client that repeats; each takes a second. */
const RESTARTS = 20;
/** Stops of a client that does not, and restarts while others only connect. */
const STOPS = 4;

let folder: Awaited<ReturnType<typeof dataFolder>>;
let up: Up;
let url: string;
let pod: PodClient;

beforeAll(async () => {
  folder = await dataFolder();
  up = startUp(folder.path, { also: ["sessions"] });
  await up.ready();
  await eventually(() => {
    url = readRunning(up.dataDir)?.sessions ?? ""; // a loaded machine is ready without it at first
    expect(url).not.toBe("");
    expect(runs()).toHaveLength(1); // its line may come after the file
  });
  pod = podClient(url, { key: readFileSync(join(up.dataDir, "sessions.key"), "utf8").trim() });
});
afterAll(async () => {
  pod?.close();
  expect(await up?.stop()).toMatchObject({ code: 0 });
  await folder?.[Symbol.asyncDispose]();
});

/** Process ids of all runs of the server so far. */
function runs(): number[] {
  return [...up.output.stderr.matchAll(/"name":"serve","pid":(\d+).*"serve ready"/g)].map((it) =>
    Number(it[1]),
  );
}

/** Ends the server's process, and resolves when the next one is ready. */
async function restart(signal: NodeJS.Signals): Promise<void> {
  const before = runs();
  const [pid] = before.slice(-1);
  if (pid === undefined) throw new Error("no server runs"); // process 0 would be this group, runner and all
  process.kill(pid, signal);
  await eventually(() => expect(runs().length).toBeGreaterThan(before.length), 20);
}

async function payloadsOf(session: string, count: number): Promise<string[]> {
  const watch = pod.watch(session);
  const got = await watch.first(count);
  watch.cancel();
  return got.map(({ payload }) => payload);
}

/** Payloads that were pushed, in their order. */
const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

/**
 * Restarts the server so often, and does something again and again meanwhile, and then until it was done often enough: a slow machine starts a server in the time
 * of one push. What fails in either ends both.
 */
async function whileRestarting(
  signals: readonly NodeJS.Signals[],
  again: () => Promise<unknown>,
  enough: () => boolean = () => true,
): Promise<void> {
  let phase: "restarting" | "restarted" | "failed" = "restarting";
  async function goOn(): Promise<void> {
    while (phase === "restarting" || (phase === "restarted" && !enough())) await again();
  }
  async function restartAll(): Promise<void> {
    for (const signal of signals) if (phase === "restarting") await restart(signal);
  }
  const meanwhile = goOn();
  try {
    await Promise.race([restartAll(), meanwhile]);
    phase = "restarted";
  } catch (error) {
    phase = "failed";
    throw error;
  }
  await meanwhile;
}

/** A signal for each of so many restarts, one after the other. */
const inTurn = (count: number, ...signals: NodeJS.Signals[]): NodeJS.Signals[] =>
  Array.from({ length: count }, (_, i) => signals[i % signals.length] ?? "SIGTERM");

test("a client that repeats nothing loses nothing while the server is stopped and starts again", async () => {
  let pushed = 0;
  const push = async (): Promise<void> => {
    // at any moment: what is under way is answered
    await pod.push("one-by-one", "assistant", String(pushed), { tries: 1, timeoutMs: PATIENCE_MS });
    pushed++;
    await pause(20); // an agent's own pace
  };
  await whileRestarting(inTurn(STOPS, "SIGTERM"), push, () => pushed > STOPS);
  expect(await payloadsOf("one-by-one", pushed)).toEqual(numbers(pushed));
}, 300_000);

test("a client that repeats with its key has each message once over 20 restarts, wherever kills and stops fall", async () => {
  let pushed = 0;
  const push = async (): Promise<void> => {
    try {
      const options = { key: `k${pushed}`, tries: 1, timeoutMs: PATIENCE_MS };
      await pod.push("repeats", "assistant", String(pushed), options);
      pushed++;
    } catch (error) {
      expect(error).toMatchObject({ code: status.UNAVAILABLE }); // what a client of gRPC repeats by itself
      await pause(20);
    }
  };
  const signals = inTurn(RESTARTS, "SIGKILL", "SIGKILL", "SIGTERM");
  await whileRestarting(signals, push, () => pushed > RESTARTS);
  expect(await payloadsOf("repeats", pushed)).toEqual(numbers(pushed));
}, 300_000);

test("new connections are never refused, also while no server runs", async () => {
  const { hostname, port } = new URL(url);
  const outcomes = new Map<string, number>();
  const once = async (): Promise<string> =>
    await new Promise((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        socket.destroy();
        resolve("accepted");
      });
      socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
    });
  await whileRestarting(inTurn(STOPS, "SIGKILL", "SIGTERM"), async () => {
    const outcome = await once();
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    await pause(5);
  });
  expect([...outcomes.keys()]).toEqual(["accepted"]);
}, 300_000);
