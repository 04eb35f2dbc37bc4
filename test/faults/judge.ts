import { check, unexcused, type Findings } from "./checker.ts";
import type { Load } from "./load.ts";
import type { Report } from "./report.ts";
import type { Stage } from "./stage.ts";

/** How long a campaign waits for the last event after everything runs again: a relay's takeover and a whole backlog. */
const SETTLE_MS = 60_000;

/**
 * Waits until everything acknowledged is settled, then tells what every campaign must hold: nothing lost, nothing out of order, repeats
 * recognizable. Repeats are counted by the caller's own limit.
 */
export async function judge(
  stage: Pick<Stage, "settled" | "arrivals" | "dead" | "crashes">,
  load: Pick<Load, "calls">,
  report: Report,
  settleMs: number = SETTLE_MS,
): Promise<Findings> {
  await stage.settled(
    load.calls.map((call) => call.marker),
    settleMs,
  );
  const [arrivals, dead] = [await stage.arrivals(), await stage.dead()];
  const findings = check({ acknowledged: load.calls, arrivals, dead });
  report.note("acknowledged / delivered / dead letters", counts(findings));
  report.check("lost (DURABLE-1, SETTLE-1)", findings.lost.length === 0, shown(findings.lost));
  report.check(
    "inversions by first arrival (ORDER-1)",
    findings.inversions.length === 0,
    shown(findings.inversions),
  );
  report.check("sent before its predecessor settled", findings.early.length === 0, shown(findings.early));
  report.check("stale by the relay's own numbers", findings.stale === 0, String(findings.stale));
  report.check(
    "repeats with another key (ONCE-1)",
    findings.strangeKeys.length === 0,
    shown(findings.strangeKeys),
  );
  const own = unexcused(arrivals, stage.crashes);
  report.check(
    "repeats no crash within a second excuses (ONCE-1)",
    own.length === 0,
    shown(own.map((arrival) => arrival.marker ?? "")),
  );
  return findings;
}

function counts({ acknowledged, delivered, dead }: Findings): string {
  return `${acknowledged} / ${delivered} / ${dead}`;
}

function shown(markers: readonly string[]): string {
  const first = markers.slice(0, 5).join(", ");
  return markers.length === 0 ? "0" : `${markers.length} (${first}${markers.length > 5 ? ", …" : ""})`;
}
