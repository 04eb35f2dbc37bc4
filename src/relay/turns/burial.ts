import type { Envelope } from "../../shared/log/schema/envelope.ts";
import type { Refusal } from "../../shared/log/state/held.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { DeadLetters, Death } from "../coordinator/dead-letters.ts";
import type { Gate } from "../coordinator/gate.ts";
import type { Entry, TurnOutcome } from "../lanes/index.ts";
import type { AttemptReport } from "./attempt-report.ts";

/** What happens to an event that the coordinator refuses for good: it is passed over, or its session waits for an operator, or everything waits. */
export type PoisonPolicy = "skip" | "park" | "stop";

export type Bury = (entry: Entry, envelope: Envelope, death: Death) => Promise<TurnOutcome>;

export type BurialDeps = {
  log: Logger;
  gate: Pick<Gate, "pause">;
  deadLetters: DeadLetters;
  policy: PoisonPolicy;
  report?: AttemptReport;
};

function logBurial(log: Logger, { id: event, session }: Envelope, death: Death): void {
  const { status, reason, attempts, answered = false } = death;
  const line = { event, session, status, reason, attempts, answered };
  if (answered) log.info(line, "event dead-lettered, the executor knows");
  else log.error(line, "event dead-lettered");
}

/** What the coordinator said, for those who see why a session or everything stands still. */
function answerOf({ status, reason }: Death): string {
  return status === undefined ? reason : `status ${status}: ${reason}`;
}

function refusalOf({ status, attempts, answered }: Death): Refusal {
  return {
    attempts,
    ...(status === undefined ? {} : { status }),
    ...(answered === undefined ? {} : { answered }),
  };
}

/** Ends a poison event as the policy says: as a dead letter (stored before the event is settled, SETTLE-1), with a parked session, or with a stop. */
export function createBurial(deps: BurialDeps): Bury {
  const { log, gate } = deps;
  return async function bury(entry, envelope, death) {
    const { id, runner, session, kind } = envelope;
    const policy = death.decided ? "skip" : deps.policy;
    if (policy !== "skip") entry.refused = refusalOf(death);
    if (policy === "park") return { kind: "park", reason: answerOf(death) };
    if (policy === "stop") {
      if (death.attempts > 0) entry.death = undefined; // a resume tries it again; what cannot be read is never sent
      gate.pause("poison_stop", `event ${id} of session ${session}: ${answerOf(death)}`);
      return { kind: "again" };
    }
    const payload = entry.data ?? new Uint8Array();
    const letter = { id, runner, session, kind, seq: entry.seq, payload, death };
    const stored = await deps.deadLetters.put(letter);
    if (stored.kind === "refused") {
      entry.death = death; // the verdict stands: the next turn only tries to store it
      const { reason } = stored;
      log.error({ event: id, session, reason, code: "dead_letters_refused" }, "dead letter refused");
      return { kind: "retry", reason: `dead letters refused: ${reason}`, counts: false };
    }
    deps.report?.deadLettered(death.answered ?? false);
    logBurial(log, envelope, death);
    return { kind: "settled", how: "dead" };
  };
}
