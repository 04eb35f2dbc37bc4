import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readRunning } from "../../../src/cli/up/kept.ts";
import { eventually } from "../../support/eventually.ts";
import { podClient, type PodClient } from "../../support/pod-client.ts";
import { dataFolder, startUp, type Up } from "../../support/up.ts";

// The socket of the sessions server belongs to `up`: the server comes and goes, and clients wait meanwhile.

/** Restarts of each kind; each takes a second. */
const RESTARTS = 3;

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
  process.kill(before.at(-1) ?? 0, signal);
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

test("a client that pushes one after the other and repeats nothing loses nothing while the server restarts", async () => {
  let pushed = 0;
  let going = true;
  let between: (() => void) | undefined;
  async function pushOn(): Promise<void> {
    while (going) {
      // as the original's client: five seconds, and a failure loses the message
      await pod.push("one-by-one", "assistant", String(pushed), { tries: 1, timeoutMs: 5000 });
      pushed++;
      between?.();
      between = undefined;
      await pause(20); // an agent's own pace
    }
  }
  const pushing = pushOn();
  const failed = pushing.catch((error: unknown) => error);
  for (let i = 0; i < RESTARTS; i++) {
    await restart("SIGTERM"); // at any moment: what is under way is answered
    // what is under way at a kill nobody can save
    const killed = new Promise<void>((resolve) => (between = () => resolve(restart("SIGKILL"))));
    expect(await Promise.race([killed, failed])).toBeUndefined();
  }
  going = false;
  expect(await failed).toBeUndefined();
  expect(pushed).toBeGreaterThan(RESTARTS);
  expect(await payloadsOf("one-by-one", pushed)).toEqual(numbers(pushed));
}, 300_000);

test("a client that repeats with its key has each message once, wherever the kills fall", async () => {
  let pushed = 0;
  let going = true;
  async function pushOne(): Promise<void> {
    const options = { key: `k${pushed}`, tries: 1 };
    const outcome = await pod.push("repeats", "assistant", String(pushed), options).catch(() => undefined);
    if (outcome === undefined) await pause(20);
    else pushed++;
  }
  async function pushOn(): Promise<void> {
    while (going) await pushOne();
  }
  const pushing = pushOn();
  for (let i = 0; i < RESTARTS; i++) await restart("SIGKILL");
  going = false;
  await pushing;
  expect(await payloadsOf("repeats", pushed)).toEqual(numbers(pushed));
}, 300_000);

test("new connections are never refused, also while no server runs", async () => {
  const { hostname, port } = new URL(url);
  const outcomes = new Map<string, number>();
  let going = true;
  const once = async (): Promise<string> =>
    await new Promise((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        socket.destroy();
        resolve("accepted");
      });
      socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
    });
  async function connectOn(): Promise<void> {
    while (going) {
      const outcome = await once();
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const connecting = connectOn();
  for (let i = 0; i < RESTARTS; i++) await restart(i % 2 === 0 ? "SIGKILL" : "SIGTERM");
  going = false;
  await connecting;
  expect([...outcomes.keys()]).toEqual(["accepted"]);
}, 300_000);
