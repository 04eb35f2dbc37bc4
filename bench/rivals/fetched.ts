import { execFileSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { errorText } from "../../src/shared/base/errors.ts";
import { startBullmq } from "./bullmq.ts";
import { startRestate } from "./restate.ts";
import type { RivalKind } from "./rival.ts";

/** What could be had here, and why the others could not. */
export type Rivals = { kinds: RivalKind[]; missing: { name: string; why: string }[] };

/** Fetches the rivals into the cache, as the faults do: what npm has by their lock file, Redis out of Debian's packages. */
export async function fetchRivals(): Promise<Rivals> {
  const rivals: Rivals = { kinds: [], missing: [] };
  const ways = { Restate: restate, BullMQ: bullmq };
  for (const [name, fetchOne] of Object.entries(ways))
    try {
      rivals.kinds.push(await fetchOne());
    } catch (error) {
      rivals.missing.push({ name, why: errorText(error) });
    }
  return rivals;
}

/** Loaded only here: `--compare` runs this bench with revisions that do not have it. */
const faults = () => import("../../test/faults/rivals/fetch.ts");
const versions = () => import("../../test/faults/rivals/version-in.ts");

/** Folder of the packages, with our programs beside them, so that they find what they import. */
async function packages(): Promise<string> {
  const folder = await (await faults()).fetchPackages();
  cpSync(join(import.meta.dirname, "programs"), join(folder, "bench"), { recursive: true });
  return folder;
}

async function restate(): Promise<RivalKind> {
  const folder = await packages();
  const { versionIn } = await versions();
  const server = "@restatedev/restate-server";
  const programs = {
    server: join(folder, `node_modules/${server}-${process.platform}-${process.arch}/bin/restate-server`),
    service: join(folder, "bench/restate-service.mjs"),
  };
  execFileSync(programs.server, ["--version"], { stdio: "ignore" }); // fails where there is none for this machine
  return {
    name: "Restate",
    about: `Restate ${versionIn(folder, server)}`,
    start: (options) => startRestate(programs, options),
  };
}

async function bullmq(): Promise<RivalKind> {
  const [folder, redis] = [await packages(), await (await faults()).fetchRedis()];
  const { versionIn } = await versions();
  const said = execFileSync(redis.path, ["--version"], { env: redis.env, encoding: "utf8" });
  const programs = {
    redis,
    front: join(folder, "bench/bullmq-front.mjs"),
    worker: join(folder, "bench/bullmq-worker.mjs"),
  };
  return {
    name: "BullMQ",
    about: `BullMQ ${versionIn(folder, "bullmq")}, Redis ${/v=(\S+)/.exec(said)?.[1] ?? said}`,
    start: (options) => startBullmq(programs, options),
  };
}
