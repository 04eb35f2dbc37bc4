import type { JetStreamManager } from "@nats-io/jetstream";
import { damageAdvice, damageText, readDamages, type Damage } from "../../shared/log/state/damage.ts";
import { checkLog, shortenedText } from "../../shared/log/state/log-check.ts";
import { countOf } from "../../shared/log/state/ranges.ts";
import { fail, ok, warn, type Line } from "./line.ts";
import { reading, type Reading } from "./reading.ts";

/** What was found damaged before, and what a look finds now that no relay has noticed yet. */
export type DamageFacts = { known: Damage[]; shortened?: { kept: number; highest: number }; holes: number };

export async function readDamage(jsm: JetStreamManager): Promise<Reading<DamageFacts>> {
  return reading(async () => {
    const [known, { end, holes }] = await Promise.all([readDamages(jsm), checkLog(jsm)]);
    return { known, holes: countOf(holes), ...(end.kind === "shortened" ? { shortened: end } : {}) };
  });
}

/** Pure. */
export function judgeDamage(facts: Reading<DamageFacts>): Line[] {
  const check = "contents";
  if (facts.kind === "failed") return [warn(check, facts.why, "see broker, streams and permissions")];
  const { known, shortened, holes } = facts.value;
  const lines = known.map((damage) => fail(check, damageText(damage), damageAdvice(damage)));
  if (shortened !== undefined)
    lines.push(
      fail(check, shortenedText(shortened), "run `runner-relay provision` (`up` does it at its start)"),
    );
  if (holes > 0)
    lines.push(
      fail(
        check,
        `${holes} events are missing within the log`,
        "start a relay, or run `runner-relay provision`: it names them",
      ),
    );
  return lines.length === 0 ? [ok(check, "the log holds what is remembered of it")] : lines;
}
