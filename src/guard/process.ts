import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { killRest } from "./kill.ts";
import { systemMs, type GuardAnswer, type GuardOrder } from "./wire.ts";

// The guard of a worker's agents, as a process of its own: it kills an agent whose time is over although its worker is stopped (SIGSTOP), and all of them when the worker is gone
// (kill -9), which it knows because its stdin ends. It imports next to nothing, so that it takes little memory.

type Watched = { mark: string; clear: string | undefined; cancel: () => void };

const watched = new Map<number, Watched>();

function until(pid: number, of: { mark: string; clear?: string | undefined }, time: number): Watched {
  const timer = setTimeout(() => end(pid), Math.max(0, time - systemMs()));
  return { mark: of.mark, clear: of.clear, cancel: () => clearTimeout(timer) };
}

function end(pid: number): void {
  const it = watched.get(pid);
  if (it === undefined) return;
  watched.delete(pid);
  it.cancel();
  const killed = killRest(pid, it.mark);
  clear(it.clear);
  void killed.then(() => clear(it.clear)); // what was written while it was killed
}

/** Removes the credentials of a turn. What cannot be removed is left to the next worker. */
function clear(folder: string | undefined): void {
  if (folder === undefined) return;
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // its next worker says so
  }
}

function obey(order: GuardOrder): void {
  const it = watched.get(order.pid);
  it?.cancel();
  switch (order.do) {
    case "watch": {
      watched.set(order.pid, until(order.pid, order, order.until));
      const answer: GuardAnswer = { watching: order.pid };
      process.stdout.write(`${JSON.stringify(answer)}\n`);
      break;
    }
    case "extend":
      if (it !== undefined) watched.set(order.pid, until(order.pid, it, order.until));
      break;
    case "forget":
      watched.delete(order.pid);
  }
}

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined); // it ends with its worker, not before
process.stdout.on("error", () => undefined);
const orders = createInterface({ input: process.stdin });
orders.on("line", (line) => obey(JSON.parse(line) as GuardOrder));
orders.on("close", () => {
  for (const pid of watched.keys()) end(pid);
});
