import type { Refusal } from "../../access/caller.ts";
import { admissionFrames, type NotBegun } from "./admission-frames.ts";
import { admit, textTurn, type Admission } from "./admit.ts";
import type { TurnRequest } from "./command.ts";
import type { TalkDeps, TalkOptions } from "./place.ts";

/** Asks for a turn, with the id that the client gave. */
export function createExecute(
  deps: TalkDeps,
  { caller, place, say }: TalkOptions,
): (given: string | undefined, request: TurnRequest) => Promise<void> {
  const { now } = deps;
  const { session, teller } = place;

  /** What the client sees run is answered at once: a turn may be shorter than the log's answers take. */
  function seen(turn: string): NotBegun | undefined {
    const running = teller.running();
    if (running === undefined) return undefined;
    return running === turn ? { kind: "running", turn } : { kind: "busy", active: running };
  }

  async function execute(given: string | undefined, request: TurnRequest): Promise<void> {
    const turn =
      given ?? (deps.textDedupe ? await textTurn(deps, { caller, session, request }) : deps.turnId());
    if (typeof turn !== "string") return await refuse(turn);
    const admission = seen(turn) ?? (await ask(turn, request));
    if (admission.kind === "begun") return;
    for (const frame of admissionFrames(admission, now())) await say(frame);
  }

  async function ask(turn: string, request: TurnRequest): Promise<Admission> {
    const before = teller.waiting();
    teller.waitFor(turn); // first, because its events may come before the answer
    const admission = await admit(deps, { caller, session, turn, request });
    if (admission.kind !== "begun") teller.waitFor(before);
    return admission;
  }

  /** To one who waits for the end of a turn. */
  async function refuse({ detail, code }: Refusal): Promise<void> {
    for (const frame of admissionFrames({ kind: "refused", message: detail, code }, now())) await say(frame);
  }

  return execute;
}
