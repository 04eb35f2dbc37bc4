import { isRefusal, type Caller, type Refusal } from "../../access/caller.ts";
import type { Session } from "../../../shared/session-log/registry/entry.ts";
import type { NotBegun } from "./admission-frames.ts";
import type { TurnRequest } from "./command.ts";
import type { Sessions } from "./sessions.ts";
import { isRepeat, newestOf, textTurnId, type TurnStanding } from "./text-turn.ts";

export type Admission = { kind: "begun" } | NotBegun;

export type AdmitDeps = {
  sessions: Sessions;
  /** Wall clock, milliseconds since 1970. */
  now: () => number;
};

/** A turn that is in the way may end just then. Then the way is free, unless another client was quicker. */
const MOST_TRIES = 3;

/** Asks for a turn with an id. As in the program, what runs counts before what is done. */
export async function admit(
  { sessions }: AdmitDeps,
  of: { caller: Caller; session: Session; turn: string; request: TurnRequest },
): Promise<Admission> {
  const { caller, session, turn, request } = of;
  for (let tries = 1; ; tries++) {
    const begun = await sessions.begin(caller, session, turn, request);
    if (isRefusal(begun)) return refused(begun);
    if (begun.kind === "begun") return begun;
    const active = await sessions.active(caller, session);
    if (isRefusal(active)) return refused(active);
    if (active.turn === turn) return { kind: "running", turn };
    if (active.turn !== undefined) return { kind: "busy", active: active.turn };
    if (begun.kind === "repeated") return { kind: "done", turn };
    if (tries === MOST_TRIES) return { kind: "busy", active: "" };
  }
}

/**
 * The id of a turn whose client gave none, where the same text must not run twice within a while: that of the turn which it repeats, or a new one.
 */
export async function textTurn(
  { sessions, now }: AdmitDeps,
  of: { caller: Caller; session: Session; request: TurnRequest },
): Promise<string | Refusal> {
  const { caller, session, request } = of;
  const known = new Map<number, TurnStanding>();
  let trouble: Refusal | undefined;
  const newest = await newestOf(async (n) => {
    const standing = await sessions.standing(caller, session, textTurnId(request, n));
    if (isRefusal(standing)) {
      trouble = standing;
      return false;
    }
    known.set(n, standing);
    return standing.kind !== "unknown";
  });
  if (trouble !== undefined) return trouble;
  const standing = known.get(newest);
  const repeat = standing !== undefined && isRepeat(standing, now());
  return textTurnId(request, repeat ? newest : newest + 1);
}

function refused({ detail, code }: Refusal): NotBegun {
  return { kind: "refused", message: detail, code };
}
