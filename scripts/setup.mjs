// Runs before start, test, check, faults and bench, on any Node from 18 on: plain JavaScript, no dependencies. Installs the locked
// dependencies if they are missing or stale; Node 24 comes with them, and npm puts node_modules/.bin first in the PATH of the script
// that follows, so that it runs on 24 whatever the system has. When nothing is to do it takes as long as Node needs to start.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  accessSync,
  constants,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const node = join(root, "node_modules", ".bin", "node");
const stampFile = join(root, "node_modules", ".runner-relay-stamp");
const lockFile = join(root, ".runner-relay", "setup.lock"); // npm ci removes node_modules, so it cannot be in there
const HEARTBEAT_MS = 1000;
const DEAD_AFTER_MS = 10_000; // ten missed
/** Time for two that both found a dead lock to see which of them wrote last. */
const SETTLE_MS = 100;

if (process.platform === "win32") {
  console.error("runner-relay runs on Linux and macOS; on Windows, run it inside WSL");
  process.exit(1);
}
if (!upToDate()) process.exitCode = await withLock(install);

/** The stamp is written last, so a broken installation has none. */
function upToDate() {
  try {
    accessSync(node, constants.X_OK);
    return readFileSync(stampFile, "utf8") === wantedStamp();
  } catch {
    return false;
  }
}

function wantedStamp() {
  const lock = readFileSync(join(root, "package-lock.json"));
  const hash = createHash("sha256").update(lock).digest("hex");
  return `${hash} ${process.platform}-${process.arch}\n`; // a folder may be shared with another machine
}

/** Returns an exit code. */
async function install() {
  if (upToDate()) return 0; // another one did it while we waited for the lock
  console.log(
    "setup: installing the locked dependencies with npm ci, Node 24 among them (once, about half a minute)",
  );
  // Without install scripts: of all packages only `node` needs its own, and npm 10 does not know `allowScripts`.
  const installed = await npm(["ci", "--include=dev", "--ignore-scripts", "--loglevel=error"]);
  if (installed !== 0) return failed("npm ci", installed);
  const built = await npm(["rebuild", "node", "--ignore-scripts=false", "--loglevel=error"]);
  if (built !== 0) return failed("npm rebuild node", built);
  let said = nodeVersion();
  if (said === undefined && Number(process.versions.node.split(".")[0]) >= 24) {
    rmSync(node, { force: true });
    symlinkSync(process.execPath, node); // where npm's Node cannot run, as with musl, the system's own does
    said = nodeVersion();
  }
  if (!/^v(?:2[4-9]|[3-9]\d)\./.test(said ?? "")) {
    console.error(
      `setup: ${node} should be Node 24 but ${said === undefined ? "cannot be run" : `says ${said}`}; install Node 24 on this system, and try again`,
    );
    return 1;
  }
  writeFileSync(stampFile, wantedStamp());
  console.log(`setup: done, Node ${said}`);
  return 0;
}

/** What our Node calls itself; undefined if it cannot be run. */
function nodeVersion() {
  const { stdout, error } = spawnSync(node, ["--version"], { encoding: "utf8" });
  return error === undefined ? stdout.trim() : undefined;
}

function failed(command, code) {
  console.error(
    `setup: ${command} failed with exit code ${code} (see above). It needs the npm registry; is it reachable?`,
  );
  return code;
}

/**
 * Runs the npm that runs us, or the one in the PATH; never on the Node of this folder, which npm ci is about to remove, but on the
 * system's.
 */
function npm(args) {
  const ours = join(root, "node_modules");
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.startsWith(ours));
  const script = process.env.npm_execpath;
  const [file, ...before] = script === undefined ? ["npm"] : ["node", script];
  return new Promise((done) => {
    const child = spawn(file, [...before, ...args], {
      cwd: root,
      env: { ...process.env, PATH: path.join(delimiter) },
      stdio: ["ignore", 2, 2], // standard output belongs to the command that follows
    });
    child.once("error", (error) => {
      console.error(`setup: npm cannot be run: ${error.message}`);
      done(1);
    });
    child.once("close", (code) => done(code ?? 1));
  });
}

/** One at a time per checkout. The holder touches the file every second; one that is not touched any more belongs to nobody. */
async function withLock(work) {
  mkdirSync(dirname(lockFile), { recursive: true });
  const token = `${process.pid} ${process.hrtime.bigint()}`;
  for (let said = false; !(await take(token)); said = true) {
    if (!said) console.log("setup: waiting for another setup of this folder");
    await sleep(SETTLE_MS);
  }
  const beat = setInterval(() => utimesSync(lockFile, new Date(), new Date()), HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    rmSync(lockFile, { force: true });
  }
}

async function take(token) {
  try {
    writeFileSync(lockFile, token, { flag: "wx" });
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    if (!isDead()) return false;
    rmSync(lockFile, { force: true });
    return false; // and try again: another one may be first
  }
  await sleep(SETTLE_MS);
  return holder() === token;
}

function isDead() {
  try {
    return Date.now() - statSync(lockFile).mtimeMs > DEAD_AFTER_MS;
  } catch {
    return false; // just released
  }
}

function holder() {
  try {
    return readFileSync(lockFile, "utf8");
  } catch {
    return undefined;
  }
}
