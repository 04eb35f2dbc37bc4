import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCoordinator, type TestCoordinator } from "../../support/coordinator.ts";
import type { Report } from "../report.ts";
import { EVIDENCE } from "../stage.ts";

/** What every play of the campaign "runner" begins with. */
export type Play = {
  name: string;
  report: Report;
  /** How long the coordinator holds a poll. */
  pollMs: number;
  /** For logs and ledger. */
  dir: string;
};

/** Gives a play its folder, which stays as evidence if a line of it does not hold. */
export async function inFolder(report: Report, play: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), EVIDENCE));
  const failedBefore = report.failed.length;
  let ended = false;
  try {
    await play(dir);
    ended = true;
  } finally {
    if (ended && report.failed.length === failedBefore) await rm(dir, { recursive: true, force: true });
    else report.note("evidence", dir);
  }
}

/** The coordinator of a play: its polls outlive their clients, and what arrives is kept in a file as well. */
export function coordinatorOf({ pollMs, dir }: Play): Promise<TestCoordinator> {
  return startCoordinator({ pollMs, ledgerFile: join(dir, "ledger.ndjson") });
}
