import { readFile } from "node:fs/promises";
import type { Report } from "./report.ts";

const SAMPLE_MS = 250;

/** A process whose memory is looked at. */
type Watched = { name: string; pid(): number | undefined };

/** The resident memory of processes. */
export type Resident = {
  /** Tells the highest of each since the last time, and checks it. */
  tell(report: Report, when: string, mostMb: number): void;
  stop(): void;
};

/** Samples the resident memory of processes four times a second. */
export function sampleResident(processes: readonly Watched[]): Resident {
  const highest = new Map<string, number>();
  const timer = setInterval(() => {
    for (const process of processes) void sample(process);
  }, SAMPLE_MS);

  async function sample({ name, pid }: Watched): Promise<void> {
    const status = await readFile(`/proc/${pid()}/status`, "utf8").catch(() => "");
    const kib = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    highest.set(name, Math.max(highest.get(name) ?? 0, kib / 1024));
  }

  return {
    tell(report, when, mostMb) {
      for (const [name, mb] of highest)
        report.check(`${name}, ${when}`, mb <= mostMb, `${mb.toFixed(0)} MB (at most ${mostMb})`);
      highest.clear();
    },
    stop: () => clearInterval(timer),
  };
}
