import type { Envelope } from "../../shared/log/schema/envelope.ts";
import type { Answers } from "../coordinator/answers.ts";
import type { Death } from "../coordinator/dead-letters.ts";
import type { Gate } from "../coordinator/gate.ts";
import type { AttemptResult, Verdict } from "../coordinator/verdict.ts";
import type { Entry, Lane, TurnOutcome } from "../lanes/index.ts";
import type { Bury } from "./burial.ts";
import type { RefusedCredentials } from "./refused-credentials.ts";
import type { Unregistered } from "./unregistered.ts";

/** One entry with the coordinator's answer for it. */
export type Judged = {
  lane: Lane;
  entry: Entry;
  verdict: Verdict;
  result: AttemptResult;
  /** Of the credential that was sent. */
  generation: number;
  probe: boolean;
};

export type Conclude = (judged: Judged) => Promise<TurnOutcome>;

export type ConclusionDeps = {
  gate: Pick<Gate, "verdict">;
  answers: Answers;
  credentials: RefusedCredentials;
  bury: Bury;
  unregistered: Unregistered;
};

/** Hands the coordinator's answer to the gateway that waits for it. */
function handDelivery(answers: Answers, entry: Entry, envelope: Envelope, result: AttemptResult): void {
  if (!entry.waiting || envelope.answer === undefined || result.kind !== "response") return;
  entry.waiting = false;
  answers.hand(envelope.answer, result);
}

/** Hands the refusal to the gateway that waits for it. Resolves to whether it arrived there; undefined if no gateway waits. */
async function handRefusal(
  answers: Answers,
  entry: Entry,
  envelope: Envelope,
  result: AttemptResult,
): Promise<boolean | undefined> {
  if (!entry.waiting || envelope.answer === undefined || result.kind !== "response") return undefined;
  entry.waiting = false;
  return answers.handRefusal(envelope.answer, result);
}

/** What a verdict means for one entry: the gate hears of it, and it is settled, tried again, buried or waits. */
export function createConclusion(deps: ConclusionDeps): Conclude {
  const { gate, answers, credentials } = deps;
  return async function conclude({ lane, entry, verdict, result, generation, probe }) {
    const { envelope } = entry;
    if (envelope === undefined) return { kind: "again" };
    const carryOut = gate.verdict(lane.token, verdict, probe);
    if (verdict.kind !== "unregistered" && entry.unregistered !== undefined) entry.unregistered.again = false;
    switch (verdict.kind) {
      case "delivered":
        credentials.accepted();
        handDelivery(answers, entry, envelope, result);
        return { kind: "settled", how: "delivered" };
      case "dead": {
        credentials.accepted();
        if (!carryOut) return { kind: "again" };
        const answered = await handRefusal(answers, entry, envelope, result);
        const died: Death = { reason: verdict.reason, status: verdict.status, attempts: lane.attempts + 1 };
        return deps.bury(entry, envelope, answered === undefined ? died : { ...died, answered });
      }
      case "unauthorized":
        return credentials.refused(lane, verdict.status, generation);
      case "unregistered":
        return deps.unregistered(lane, entry, envelope);
      case "pause":
        return { kind: "again" };
      case "retry": {
        const { reason, retryAfterMs } = verdict;
        const after = retryAfterMs === undefined ? {} : { retryAfterMs };
        return { kind: "retry", reason, counts: true, ...after };
      }
    }
  };
}
