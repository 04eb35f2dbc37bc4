import type { JetStreamManager } from "@nats-io/jetstream";
import { ownCommand } from "../../base/own-command.ts";
import { damageAdvice, damageText, readDamages, type Damage } from "../../log/state/damage.ts";
import { checkLog, shortenedText } from "../../log/state/log-check.ts";
import { countOf } from "../../log/state/ranges.ts";
import { fail, ok, warn, type Line } from "./line.ts";
import { reading, type Reading } from "./reading.ts";
import { provisionIt } from "./streams.ts";

/** Damage that was recorded before, and damage that this check finds before any relay has noticed it. */
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
  if (facts.kind === "failed") return [warn(check, facts.why, "check broker, streams and permissions")];
  const { known, shortened, holes } = facts.value;
  const lines = known.map((damage) => fail(check, damageText(damage), damageAdvice(damage)));
  if (shortened !== undefined) lines.push(fail(check, shortenedText(shortened), provisionIt()));
  if (holes > 0)
    lines.push(
      fail(
        check,
        `${holes} events are missing within the log`,
        `start a relay or run \`${ownCommand("provision")}\`, which names them`,
      ),
    );
  return lines.length === 0 ? [ok(check, "the log holds everything that was recorded about it")] : lines;
}
