import type { Disk } from "./broker/broker.ts";
import { countMoves, emptyTally, note, noteSessions, type Tally } from "./counts.ts";
import { runHistory, type HistoryOptions } from "./history.ts";
import { runSessionHistory } from "./sessions/history.ts";
import type { Part } from "./steps.ts";

export type CampaignOptions = {
  disk: Disk;
  part: Part | "sessions";
  seed: number;
  histories: number;
  world?: HistoryOptions["world"];
  /** Ends the campaign early. */
  enough?: (tally: Tally) => boolean;
  progress?: (tally: Tally) => void;
};

/** Poison events are passed over, park their session, or stop everything; a backlog is read from the log early. Which of it, the seed decides. */
function worldOf(seed: number): HistoryOptions["world"] {
  const policies = ["skip", "park", "skip", "stop", "skip"] as const;
  const poisonPolicy = policies[seed % policies.length] ?? "skip";
  return {
    syncAlways: true,
    replicated: seed % 3 === 0,
    poisonPolicy,
    ...(seed % 2 === 0 ? { holdAbove: 12 } : {}),
  };
}

/** The settings that a history of a campaign has, so that it can be repeated. */
export function optionsOf(
  options: Pick<CampaignOptions, "disk" | "world"> & { part: Part },
  seed: number,
): HistoryOptions {
  return {
    disk: options.disk,
    part: options.part,
    seed,
    world: { ...worldOf(seed), ...options.world } as HistoryOptions["world"] & object,
  };
}

async function runOne({ part, ...options }: CampaignOptions, tally: Tally, seed: number): Promise<void> {
  if (part === "sessions") return noteSessions(tally, seed, await runSessionHistory(seed));
  note(tally, seed, await runHistory(optionsOf({ ...options, part }, seed)));
}

/** Runs the histories of consecutive seeds. */
export async function runCampaign(options: CampaignOptions): Promise<Tally> {
  const tally = emptyTally();
  countMoves(tally);
  for (let seed = options.seed; seed < options.seed + options.histories; seed++) {
    await runOne(options, tally, seed);
    if (options.enough?.(tally) ?? false) break;
    if (tally.histories % 1000 === 0) options.progress?.(tally);
  }
  return tally;
}
