import { randomUUID } from "node:crypto";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { startGuard } from "../../../src/guard/guard.ts";
import { openPidFiles } from "../../../src/guard/pid-files.ts";
import { agentEnvironment } from "../../../src/worker/environment.ts";
import { spawnAgent, type Hold } from "../../../src/guard/spawn-agent.ts";

// A process as a worker is: it runs a program under a guard, and renews the right to it. `guarded.ts FOLDER COMMAND…`; it prints the pid of its guard.

/** As a lease: 2.5 s from when the last renewal was sent. */
const LASTS_MS = 2500;
const RENEW_MS = 500;

const [, , folder = "", file = "", ...args] = process.argv;
const renewed = new Set<() => void>();
let until = systemClock.now() + LASTS_MS;
const hold: Hold = {
  until: () => until,
  onRenewed(listener) {
    renewed.add(listener);
    return () => void renewed.delete(listener);
  },
  lost: new AbortController().signal,
};
setInterval(() => {
  until = systemClock.now() + LASTS_MS;
  for (const listener of renewed) listener();
}, RENEW_MS);

const guard = startGuard();
const pidFiles = openPidFiles(`${folder}-pids`, process.pid);
const deps = {
  guard: () => guard,
  clock: systemClock,
  env: agentEnvironment(process.env),
  random: randomUUID,
  pidFiles,
};
const child = await spawnAgent(deps, { hold, folder }, { file, args });
child.stdout.pipe(process.stdout);
process.stdin.on("data", () => child.stop());
process.stdin.on("end", () => process.exit());
const end = await child.ended;
process.stdout.write(`ended ${end.signal ?? end.code}\n`);
process.exit();
