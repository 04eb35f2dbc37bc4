import { MAX_SINGLES } from "./choice.ts";
import { isForeign, leavesGap, type Entry } from "./entry.ts";
import type { Outcomes } from "./outcomes.ts";
import type { Trying } from "./trying.ts";
import { judgeWave, pickWave, type Fate } from "./wave.ts";

/** Commits one by one, in waves. `serialFirst`: one of each session at a time from the beginning, otherwise only after a failure. */
export async function asSingles(trying: Trying, entries: Entry[], serialFirst: boolean): Promise<void> {
  const { log, numbering, outcomes, patience, choice, clock, logger, report } = trying;
  let left = entries;
  let serial = serialFirst;
  while (left.length > 0) {
    left = await patience.whileDown(left);
    if (left.length === 0) return;
    const wave = pickWave(left, serial, MAX_SINGLES);
    const from = clock.now();
    const acks = await log.singles(
      wave.map((entry) => numbering.messageOf(entry)),
      patience.timeoutFor(left),
    );
    const ms = clock.now() - from;
    const count = wave.length;
    const fates = judgeWave(wave, acks);
    let failure: string | undefined;
    wave.forEach((entry, i) => (failure = settle(outcomes, entry, fates[i]) ?? failure));
    left = left.filter((entry) => !entry.settled);
    // A number that may be unused would be a false gap: the rest of its session continues in a new epoch.
    wave.forEach((entry, i) => {
      if (entry.settled && leavesGap(entry, fates[i])) numbering.renew(entry.session, left);
    });
    if (failure === undefined) {
      choice.took("singles", count, 1, ms);
      report?.({ mode: "singles", count, ms });
      continue;
    }
    logger.warn({ count, ms: Math.round(ms), detail: failure }, "events were not stored, trying again");
    serial = true;
    left = await patience.afterFailure(left, failure);
  }
}

/** Settles an entry if its fate is sealed; otherwise returns why it must be tried again. */
function settle(outcomes: Outcomes, entry: Entry, fate: Fate | undefined): string | undefined {
  switch (fate?.kind) {
    case "stored":
      if (fate.duplicate && isForeign(entry)) outcomes.foreign(entry, fate.seq);
      else outcomes.stored(entry, fate.seq, fate.duplicate);
      return undefined;
    case "refused":
      outcomes.failed(entry, fate.refusal, fate.detail);
      return undefined;
    case "overtaken":
      outcomes.failed(entry, "log_unreachable", fate.detail);
      return undefined;
    case "again":
      if (fate.uncertain) entry.uncertain ??= entry.numbered?.number;
      return fate.detail;
    case undefined:
      return "no answer";
  }
}
