import { chmodSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll } from "vitest";
import { endWithUs } from "./orphans.ts";

/**
 * A set-up file: it runs anew for every test file. Each file gets a folder of its own for everything temporary. When its tests are over, nothing may be left
 * in that folder, no process that was started by the file or that has the folder on its command line or in its environment, and no connection or server that
 * was not open before. What is left fails the file by its name; with
 * `TEST_LEAKS=print` it is only printed.
 */

const FAILS = process.env["TEST_LEAKS"] !== "print";
/** What ends by itself takes a moment: a loaded machine takes many times as long as an idle one. What is only printed is not worth a long wait. */
const PATIENCE_MS = FAILS ? 20_000 : 5000;
const OPEN = ["TCPSocketWrap", "TCPServerWrap", "PipeServerWrap", "UDPWrap", "ProcessWrap", "FSEventWrap"];

const base = (process.env["TEST_TMPDIR"] ??= realpathSync(tmpdir()));
const folder = mkdtempSync(join(base, "rr-"));
chmodSync(folder, 0o755); // some tests become another user
const watcher = endWithUs(folder);
process.env["TMPDIR"] = folder;
const before = openKinds();

afterAll(async () => {
  let left = leftBehind();
  for (
    const end = performance.now() + PATIENCE_MS;
    left.length > 0 && performance.now() < end;
    left = leftBehind()
  )
    await delay(50);
  for (const pid of processes()) kill(pid);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.env["TMPDIR"] = base;
  if (left.length === 0) return;
  const told = `left behind: ${left.join(", ")}`;
  if (FAILS) throw new Error(told);
  console.warn(told);
});

function leftBehind(): string[] {
  return [
    ...readdirSync(folder).map((name) => `the folder or file ${name}`),
    ...processes().map((pid) => `the process ${commandOf(pid)}`),
    ...[...openKinds()]
      .map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)] as const)
      .filter(([, more]) => more > 0)
      .map(([kind, more]) => `${more} ${kind}`),
  ];
}

/** How many of each kind keep this process running. */
function openKinds(): Map<string, number> {
  const kinds = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo())
    if (OPEN.includes(kind)) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  return kinds;
}

/** Linux only, like the machines that run these tests; elsewhere nothing is found. */
function processes(): number[] {
  return entriesOf("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid && pid !== watcher && isOurs(pid));
}

function isOurs(pid: number): boolean {
  return (
    `${textOf(`/proc/${pid}/cmdline`)}${textOf(`/proc/${pid}/environ`)}`.includes(folder) ||
    parentOf(pid) === process.pid
  );
}

function parentOf(pid: number): number {
  return Number(/\) \w (\d+)/.exec(textOf(`/proc/${pid}/stat`))?.[1]);
}

function commandOf(pid: number): string {
  return `${pid} ${textOf(`/proc/${pid}/cmdline`).replaceAll("\0", " ").slice(0, 200)}`;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // gone meanwhile, or not ours
  }
}

function entriesOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // gone
  }
}
