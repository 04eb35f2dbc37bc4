import type { JetStreamManager } from "@nats-io/jetstream";
import { ownCommand } from "../../base/own-command.ts";
import { departureText, readDepartures, type Departure } from "../../log/state/departure.ts";
import { counted, showAge } from "../../base/show.ts";
import { warn, type Line } from "./line.ts";
import { reading, type Reading } from "./reading.ts";

/** Most runners that are named. The others are only counted. */
const MOST_NAMED = 10;

/** The runners that are to be removed. */
export function readRunners(jsm: JetStreamManager): Promise<Reading<Departure[]>> {
  return reading(() => readDepartures(jsm));
}

/** Pure. */
export function judgeRunners(facts: Reading<readonly Departure[]>, now: number): Line[] {
  if (facts.kind === "failed") return [warn("runners", facts.why, "check broker and permissions")];
  const lines = facts.value.slice(0, MOST_NAMED).map((it) => {
    const { text, todo } = departureText(it);
    return warn(`runner ${it.runner}`, `${text}; for ${showAge(now - it.since)}`, todo);
  });
  const more = facts.value.length - lines.length;
  return more > 0
    ? [
        ...lines,
        warn("runners", `${counted(more, "more runner")} to be removed`, `see \`${ownCommand("status")}\``),
      ]
    : lines;
}
