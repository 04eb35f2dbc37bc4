import type { Clock } from "../../shared/base/clock.ts";
import type { Envelope } from "../../shared/log/schema/envelope.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { ReadyCredential } from "../../shared/credentials/index.ts";
import { ask } from "../coordinator/ask.ts";
import type { Coordinator } from "../coordinator/client.ts";
import { FRESH_BIND_MS, judgeLateBind } from "../coordinator/late-bind.ts";
import type { EventSpans } from "../coordinator/spans.ts";
import type { Superseded } from "../coordinator/superseded.ts";
import { verdictOf } from "../coordinator/verdict.ts";
import type { Entry, Lane, TurnContext, TurnOutcome } from "../lanes/index.ts";
import type { Conclude } from "./conclude.ts";

export type LateBindDeps = {
  clock: Clock;
  log: Logger;
  coordinator: Coordinator;
  superseded: Superseded;
  spans?: EventSpans | undefined;
  conclude: Conclude;
};

/** Decides on a bind before it is sent. Resolves to undefined if it is to be sent. */
export type JudgeBind = (
  lane: Lane,
  entry: Entry,
  envelope: Envelope,
  pass: ReadyCredential,
  context: TurnContext,
) => Promise<TurnOutcome | undefined>;

/** Is a bind late? The wall clock decides, but only about asking: a wrong clock costs two questions and never an event. */
function isLate(clock: Clock, { arrivedAt }: Entry, { at }: Envelope): boolean {
  return clock.now() - arrivedAt > FRESH_BIND_MS || Math.abs(clock.wall() - at) > FRESH_BIND_MS;
}

/** A bind that comes late is sent only if its session is not over (coordinator/late-bind.ts). */
export function createLateBinds(deps: LateBindDeps): JudgeBind {
  const { clock, log, conclude } = deps;
  return async function judgeBind(lane, entry, envelope, { headers, generation }, { probe }) {
    if (envelope.kind !== "bind" || !isLate(clock, entry, envelope)) return undefined;
    const { id: event, session } = envelope;
    const judged = await judgeLateBind(envelope, (path) => ask(deps, path, headers));
    if (judged.kind === "send") return undefined;
    const { reason } = judged;
    if (judged.kind === "superseded") {
      await deps.superseded.put(event, reason);
      deps.spans?.superseded({ entry, envelope, streamSeq: entry.seq });
      log.warn({ event, session, reason }, "bind superseded");
      return { kind: "settled", how: "superseded" };
    }
    log.info({ event, session, reason }, "late bind undecided");
    const { result } = judged;
    const verdict = verdictOf(result, "event", clock.wall());
    // a coordinator that does not answer the question, or refuses our credentials, does the same for events
    return verdict.kind === "retry" || verdict.kind === "unauthorized"
      ? conclude({ lane, entry, verdict, result, generation, probe })
      : { kind: "retry", reason, counts: true };
  };
}
