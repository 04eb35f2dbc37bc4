import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { operatorEnv } from "../support/operator.ts";
import type { TestBroker } from "../support/broker.ts";

/** How a command of an operator went. */
export type Done = {
  code: number | null;
  stdout: string;
  ms: number;
  /** Its largest resident memory, bytes; 0 where nothing tells. */
  peak: number;
};

const LOOK_MS = 50;
/** With more room than it needs a heap grows before anything is collected, and its size says nothing. */
const SMALL_HEAP = "--max-old-space-size=80 --max-semi-space-size=4";

/** Runs `runner-relay ARGS` as the operator, to its end, with a heap of 80 MB: what keeps more than that dies of it. */
export async function runCommand(broker: TestBroker, ...args: string[]): Promise<Done> {
  const main = new URL("../../src/cli/main.ts", import.meta.url).pathname;
  const env = { PATH: process.env["PATH"], NODE_OPTIONS: SMALL_HEAP, ...operatorEnv(broker) };
  const began = performance.now();
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ["ignore", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => void chunks.push(chunk));
  let peak = 0;
  const look = setInterval(() => {
    peak = Math.max(peak, peakOf(child.pid ?? 0));
  }, LOOK_MS);
  const [code] = (await once(child, "close")) as [number | null];
  clearInterval(look);
  return { code, stdout: Buffer.concat(chunks).toString(), ms: performance.now() - began, peak };
}

function peakOf(pid: number): number {
  try {
    return 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0; // gone, or no Linux
  }
}
