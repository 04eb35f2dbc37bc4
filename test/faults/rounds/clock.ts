import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { OwnNemesis } from "./subject.ts";

/** The wall clock of one process on Node, which can be set. */
export type Clock = {
  /** Whose it is. */
  name: string;
  /** Flags of Node for that process. */
  nodeOptions: readonly string[];
  /** Sets it so much later than the machine's, in all runs of that process. */
  shift(this: void, ms: number): void;
};

const MINUTE_MS = 60_000;
const JUMPS: Record<string, number> = {
  "10 minutes on": 10 * MINUTE_MS,
  "10 minutes back": -10 * MINUTE_MS,
  "5 hours on": 300 * MINUTE_MS,
  "5 hours back": -300 * MINUTE_MS,
};

/** A clock that is right at first. Keeps a file in a folder. */
export function createClock(folder: string, name: string): Clock {
  const file = join(folder, `clock-${name}`);
  const shift = (ms: number): void => {
    writeFileSync(`${file}.new`, String(ms));
    renameSync(`${file}.new`, file); // its process reads it all the time
  };
  shift(0);
  const preload = new URL(`shifted-clock.ts?${encodeURIComponent(file)}`, import.meta.url).href;
  return { name, nodeOptions: ["--import", preload], shift };
}

/** The clock jumps, and jumps back when it is over. */
export function jumpsOf({ name, shift }: Clock): OwnNemesis[] {
  return Object.entries(JUMPS).map(([how, ms]) => ({
    name: `clock ${how}: ${name}`,
    async start() {
      shift(ms);
      return async () => shift(0);
    },
  }));
}
