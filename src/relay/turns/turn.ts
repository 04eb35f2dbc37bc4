import type { Credentials } from "../../shared/credentials/index.ts";
import type { Answers } from "../coordinator/answers.ts";
import type { Gate } from "../coordinator/gate.ts";
import type { Entry, Lane, TurnContext, TurnOutcome } from "../lanes/index.ts";
import { attemptOne, closedInUse, type AttemptDeps } from "./attempt.ts";
import { createBurial, type BurialDeps } from "./burial.ts";
import { createConclusion, type Conclude } from "./conclude.ts";
import { createLateBinds, type LateBindDeps } from "./late-binds.ts";
import { createRefusedCredentials } from "./refused-credentials.ts";
import { createUnregistered, type Homecomings } from "./unregistered.ts";

export type TurnDeps = AttemptDeps &
  Omit<BurialDeps, "gate"> &
  Omit<LateBindDeps, "conclude"> & {
    credentials: Credentials;
    gate: Gate;
    answers: Answers;
    homecoming: Homecomings;
  };

/** A lane's turn alone, and what a verdict means for one entry. */
export type Turn = {
  single: (lane: Lane, entry: Entry, context: TurnContext) => Promise<TurnOutcome>;
  conclude: Conclude;
};

/** The reason why a head cannot be sent now; undefined if it can. Asked again after each wait, because a token may take longer than a lease lasts. */
export function notNow(entry: Entry, context: Pick<TurnContext, "paused">): TurnOutcome | undefined {
  if (!entry.source.mayForward()) return { kind: "fenced" };
  return context.paused() ? { kind: "again" } : undefined;
}

/** One turn: the head of a lane, from the checks before it is sent to what its verdict means. */
export function createTurn(deps: TurnDeps): Turn {
  const { credentials, gate } = deps;
  const bury = createBurial(deps);
  const refused = createRefusedCredentials(deps);
  const unregistered = createUnregistered({ ...deps, bury });
  const conclude = createConclusion({ ...deps, credentials: refused, bury, unregistered });
  const judgeBind = createLateBinds({ ...deps, conclude });

  async function single(lane: Lane, entry: Entry, context: TurnContext): Promise<TurnOutcome> {
    const { envelope, death } = entry;
    if (envelope === undefined) return { kind: "again" };
    if (death !== undefined) return bury(entry, envelope, death);
    const pass = credentials.current() ?? (await credentials.headers());
    if (pass.kind === "unavailable") {
      gate.pause("token_unavailable", pass.reason);
      return { kind: "again" };
    }
    const kept =
      notNow(entry, context) ??
      (await judgeBind(lane, entry, envelope, pass, context)) ??
      notNow(entry, context);
    if (kept !== undefined) return kept;
    const { verdict, result } = await attemptOne(deps, { lane, entry, envelope }, pass.headers, context);
    if (closedInUse(lane, result)) return { kind: "again" };
    return conclude({ lane, entry, verdict, result, generation: pass.generation, probe: context.probe });
  }

  return { single, conclude };
}
