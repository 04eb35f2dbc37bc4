import { statfs } from "node:fs/promises";
import { ownCommand } from "../../base/own-command.ts";
import { showBytes } from "../../base/show.ts";
import { EVENTS_STREAM } from "../../log/schema/topology.ts";
import { SESSIONS_STREAM } from "../../session-log/topology.ts";
import { fail, ok, warn, type Line } from "./line.ts";
import { reading, type Reading } from "./reading.ts";
import type { StreamFacts } from "./streams.ts";

/** Fill level of the log, percent. */
const NEARLY_FULL = 80;
const FULL = 95;
/** With less free space the disk counts as full, because nats-server's own files need some. */
const LEAST_FREE: number = 64 * 1024 * 1024;

export type RoomFacts = {
  streams: StreamFacts["streams"];
  /** Free bytes in the broker's storage folder. Undefined if it is not on this machine. */
  free: Reading<number> | undefined;
};

/** Free bytes that this user may use. */
export async function readFree(folder: string): Promise<Reading<number>> {
  return reading(async () => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  });
}

const KEEP_LESS = "delete sessions, or keep less of each (`RUNNER_RELAY_SESSIONS_RETENTION`)";

/** Judges the room in the log, and on the disk for its further growth. Pure. */
export function judgeRoom({ streams, free }: RoomFacts): Line[] {
  const lines: Line[] = [];
  let growth = 0;
  for (const { name, info } of streams) {
    if (info.kind !== "read" || info.value === undefined) continue;
    const { bytes } = info.value.state;
    const { max_bytes: most } = info.value.config;
    if (most > 0) growth += Math.max(0, most - bytes);
    if (name === EVENTS_STREAM && most > 0) lines.push(judgeLog("room in the log", bytes, most, enlarge()));
    if (name === SESSIONS_STREAM && most > 0)
      lines.push(judgeLog("room in the log of sessions", bytes, most, KEEP_LESS));
  }
  if (free === undefined) return lines;
  if (free.kind === "failed") return [...lines, warn("disk", free.why, "check the broker's folder")];
  const text = `${showBytes(free.value)} free; the log may still grow by ${showBytes(growth)}`;
  const todo = "free some space; a full disk stops the broker until it is restarted";
  if (free.value < LEAST_FREE) lines.push(fail("disk", text, todo));
  else if (free.value < growth)
    lines.push(warn("disk", text, `${todo}; the log's own limit exceeds the free space`));
  else lines.push(ok("disk", text));
  return lines;
}

function enlarge(): string {
  return `see what is pending (\`${ownCommand("status")}\`), prune, or enlarge it with \`${ownCommand("provision", "--log-bytes", "SIZE")}\``;
}

function judgeLog(check: string, bytes: number, most: number, todo: string): Line {
  const percent = (100 * bytes) / most;
  const text = `${percent.toFixed(1)} % of ${showBytes(most)} used`;
  if (percent >= FULL) return fail(check, text, todo);
  return percent >= NEARLY_FULL ? warn(check, text, todo) : ok(check, text);
}
