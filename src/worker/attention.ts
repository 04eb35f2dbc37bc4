import type { Clock } from "../shared/base/clock.ts";
import type { Pages } from "../shared/session-log/follow/pages.ts";
import type { SessionState } from "../shared/session-log/turns/session-state.ts";
import { readRequest } from "./turn-request.ts";
import type { TurnRun } from "./turn-run.ts";

/** Tells a running turn what its clients want of it, each thing once, in the order of the log. Called whenever the log says more. */
export function createAttention(
  deps: { pages: Pages; clock: Clock; signal: AbortSignal },
  session: { name: string },
): (run: TurnRun, state: SessionState) => void {
  let mode: string | undefined;
  let attended: TurnRun | undefined;
  /** Newest input that was passed on. */
  let heard = 0;
  let before: Promise<void> = Promise.resolve();

  async function pass(run: TurnRun, seq: number): Promise<void> {
    const { request: said } = await readRequest(deps, session, seq);
    run.wish({ kind: "input", text: textOf(said["response"]) });
  }

  return (run, state) => {
    if (attended !== run) [attended, mode] = [run, run.mode];
    const turn = state.turns.get(run.turn);
    if (turn?.kind === "running" && turn.cancelled) run.cancel();
    for (const [request, question] of state.questions)
      if (question.kind === "decided") run.decide(request, question);
    if (state.mode !== undefined && state.mode !== mode) run.wish({ kind: "mode", mode: state.mode });
    mode = state.mode;
    for (const seq of state.inputs) {
      if (seq <= heard) continue;
      heard = seq;
      before = before.then(() => pass(run, seq)).catch(() => undefined); // it owns the session no more
    }
  };
}

function textOf(response: unknown): string {
  return typeof response === "string" ? response : JSON.stringify(response ?? null);
}
