import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import {
  placeOfText,
  placesOfFolder,
  placesOfProcess,
  scan,
  type Needle,
  type Place,
} from "../trust/scanner.ts";
import { startWorld, type WorkerRun, type World } from "./world.ts";

const CALLER = "planted-caller-51c0a7";
const SERVICE = "planted-service-9b1e42";
const GITHUB = "planted_github_7f3a88";
const JIRA = "planted_jira_2c44d1";
const SECRETS: Needle[] = Object.entries({ CALLER, SERVICE, GITHUB, JIRA }).map(([name, value]) => ({
  name,
  value,
}));
/** Not secret: found in every kind of place, or silence means nothing. */
const DECOY = { name: "DECOY", value: "planted-decoy-0d0d0d" };

/** A world whose worker's service token is in a file, and whose processes look for temporary files in a folder of their own. */
async function plantedWorld(): Promise<{
  world: World;
  start: () => Promise<WorkerRun>;
  temp: string;
  turns: string;
}> {
  const world = await startWorld();
  const temp = join(world.data, "temp");
  const secret = join(world.data, "service-token");
  mkdirSync(temp);
  writeFileSync(secret, `${SERVICE}\n`);
  world.answer((provider, { headers }) => {
    if (headers.authorization === `Bearer ${CALLER}` && provider !== "github") return { status: 403 };
    if (provider === "github") return { status: 200, body: { token: GITHUB } };
    return provider === "jira"
      ? { status: 200, body: { apiToken: JIRA, url: "https://jira.example" } }
      : undefined;
  });
  const start = (): Promise<WorkerRun> =>
    world.startWorker({
      RUNNER_RELAY_CREDENTIALS_TOKEN_FILE: secret,
      TMPDIR: temp,
      RUNNER_RELAY_WORKER: DECOY.value,
    });
  return { world, start, temp, turns: join(world.data, "agents", "turns") };
}

/** Everywhere that a token must not be: all files, the logs, and our processes. `own`: file of the service's token. */
function elsewhere(world: World, run: WorkerRun, turns: string): Place[] {
  const files = placesOfFolder(world.data).filter(({ name }) => name !== "service-token");
  return [
    ...files.filter(({ name }) => !join(world.data, name).startsWith(`${turns}/`)).map(of("data")),
    ...placesOfFolder(world.broker.dataDir).map(of("broker")),
    placeOfText("log of the worker", run.log()),
    placeOfText("log of serve", world.serveLog()),
    ...ours(world, run).flatMap((pid) => placesIn(pid, `process ${pid}`)),
  ];
}

const of =
  (folder: string) =>
  ({ name, bytes }: Place): Place => ({ name: `${folder}/${name}`, bytes });

/** This process, the broker, the worker and its guard. */
function ours(world: World, { process: worker }: WorkerRun): number[] {
  return [process.pid, world.broker.pid(), worker.pid ?? 0, ...guardsOf(worker.pid ?? 0)];
}

function guardsOf(worker: number): number[] {
  return processes().filter((pid) => {
    const stat = textOf(`/proc/${pid}/stat`);
    return (
      stat.slice(stat.lastIndexOf(")")).split(" ")[2] === String(worker) &&
      textOf(`/proc/${pid}/cmdline`).includes("guard")
    );
  });
}

const processes = (): number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // gone meanwhile
  }
}

function placesIn(pid: number, name: string): Place[] {
  return existsSync(`/proc/${pid}/environ`) ? placesOfProcess(pid, name) : [];
}

/** Processes with the mark of an agent that know a secret. */
const children = (): number[] => processes().filter((pid) => textOf(`/proc/${pid}/environ`).includes(GITHUB));

/** Runs until it is let go. */
const waits = (file: string): string => `echo ${DECOY.value}; while [ ! -e ${file} ]; do sleep 0.05; done`;

test("CRED-1: a scanner that finds a planted text in every place finds the tokens of a turn in its programs and their folder only", async () => {
  const { world, start, temp, turns } = await plantedWorld();
  await using _ = world;
  const run = await start();
  writeFileSync(join(temp, "file"), DECOY.value);
  const go = join(world.data, "go");
  const session = await world.begin(waits(go), { caller: CALLER });
  await eventually(() => expect(children().length).toBeGreaterThan(0));
  const found = (needle: Needle, places: Place[]): string[] =>
    scan(places, [needle]).map((it) => it.replace(/\d{2,}/g, "N"));

  const places = elsewhere(world, run, turns);
  const decoys = found(DECOY, places).join("\n");
  for (const kind of ["broker/", "data/temp/file", "log of the worker", "environ of process"])
    expect(decoys).toContain(kind);
  expect(guardsOf(run.process.pid ?? 0)).toHaveLength(1);
  expect(scan(places, SECRETS)).toEqual([]);
  expect(found(SECRETS[2] as Needle, placesOfFolder(turns)).join()).toContain("github-token");
  expect(
    scan(
      children().flatMap((pid) => placesIn(pid, "child")),
      SECRETS,
    ),
  ).toContain("JIRA in environ of child");

  writeFileSync(go, "");
  expect((await world.ended(session)).outcome).toBe("finished");
  await eventually(() => expect(readdirSync(turns)).toEqual([]));
  expect(children()).toEqual([]);
  expect(scan(elsewhere(world, run, turns), SECRETS)).toEqual([]);
  expect(world.backEnd.got.some(({ headers }) => headers.authorization === `Bearer ${CALLER}`)).toBe(true);
});

test("CRED-1: after kill -9 at any point no token is anywhere else, and none anywhere once nothing of the turn runs", async () => {
  const { world, start, turns } = await plantedWorld();
  await using _ = world;
  const never = join(world.data, "never");
  let run = await start();
  /** Each kills in another moment of a turn; the last two find nobody who removes anything but the next worker. */
  const moments: (() => Promise<void>)[] = [
    () => eventually(() => expect(world.backEnd.got.length).toBeGreaterThan(0)),
    () => eventually(() => expect(readdirSync(turns)).toHaveLength(1), 1),
    () => eventually(() => expect(children().length).toBeGreaterThan(0)),
    ...[0, 40, 90, 160].map((ms) => () => new Promise<void>((resolve) => setTimeout(resolve, ms))),
    async () => {
      await eventually(() => expect(children().length).toBeGreaterThan(0));
      for (const pid of guardsOf(run.process.pid ?? 0)) process.kill(pid, "SIGKILL");
    },
    async () => {
      await eventually(() => expect(readdirSync(turns)).toHaveLength(1), 1);
      for (const pid of guardsOf(run.process.pid ?? 0)) process.kill(pid, "SIGKILL");
    },
  ];
  for (const [i, moment] of moments.entries()) {
    world.backEnd.got.length = 0;
    await world.begin(waits(never), { caller: CALLER, session: `k${i}` });
    await moment();
    run.process.kill("SIGKILL");
    await run.ended;
    expect(scan(elsewhere(world, run, turns), SECRETS), `moment ${i}`).toEqual([]);
    run = await start();
    await eventually(() => expect(children()).toEqual([]));
    expect(scan([...elsewhere(world, run, turns), ...placesOfFolder(turns)], SECRETS), `after ${i}`).toEqual(
      [],
    );
    await world.serve.call("DELETE", `/sessions/k${i}`); // its turn is not for the next worker
  }
});

test("the guard removes a turn's folder when its worker is gone, without another worker", async () => {
  const { world, start, turns } = await plantedWorld();
  await using _ = world;
  const run = await start();
  const ran = join(world.data, "ran");
  await world.begin(`touch ${ran}; ${waits(join(world.data, "never"))}`, { caller: CALLER });
  await eventually(() => expect(existsSync(ran)).toBe(true)); // before it runs, only the next worker would know of its folder
  run.process.kill("SIGKILL");
  await eventually(() => expect([...children(), ...readdirSync(turns)]).toEqual([]));
});
