import { ok, warn, type Line } from "../../shared/messages/checks/line.ts";

/** Where the broker of `up` stages batches now. `why`: what is wrong with the memory; undefined if it could be used. */
export type StagingFact = { where: "memory" } | { where: "disk"; why: string | undefined };

/** Pure. */
export function judgeStaging(fact: StagingFact): Line {
  const check = "batches";
  if (fact.where === "memory") return ok(check, "staged in memory until they are in the log");
  const text = "staged on the disk until they are in the log";
  if (fact.why === undefined)
    return ok(check, `${text}; if you did not set that, the warning \`staging_on_disk\` of \`up\` says why`);
  return warn(
    check,
    `${text}, which makes each of them slower: ${fact.why}`,
    "mend that and start `up` again, or set `RUNNER_RELAY_STAGING=disk`",
  );
}
