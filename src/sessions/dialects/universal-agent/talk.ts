import { isRefusal, type Refusal } from "../../access/caller.ts";
import type { Command } from "./command.ts";
import { createExecute } from "./execute.ts";
import { notice, type FrameType } from "./frame.ts";
import type { TalkDeps, TalkOptions } from "./place.ts";
import { isYes } from "./yes.ts";

/** What the socket of a session does for the frames of its client. */
export type Talk = (command: Command) => Promise<void>;

export function createTalk(deps: TalkDeps, of: TalkOptions): Talk {
  const { sessions, now } = deps;
  const { caller, say } = of;
  const { session, begin } = of.place;
  const tell = (type: FrameType, data: Record<string, unknown>): Promise<void> =>
    say(notice(type, data, now()));

  const execute = createExecute(deps, of);

  /** What else cannot be done is a status: clients stop to read at an error, and a turn may run. */
  async function decline({ detail, code }: Refusal): Promise<void> {
    await tell("status", { status: "refused", message: detail, code });
  }

  async function cancel(reason: string): Promise<void> {
    const active = await sessions.active(caller, session);
    if (isRefusal(active)) return await decline(active);
    const { turn } = active;
    if (turn === undefined) return await tell("cancelled", { reason, run_id: null, session_id: session.id });
    const asked = await sessions.cancel(caller, session, turn, reason);
    if (isRefusal(asked)) await decline(asked);
  }

  async function answer(input_id: string, response: string): Promise<void> {
    const message = response.trim();
    const decided = await sessions.decide(caller, session, input_id, {
      allow: isYes(message),
      ...(isYes(message) || message === "" ? {} : { message }),
    });
    if (isRefusal(decided)) return await decline(decided);
    if (decided.kind === "decided") return;
    const stored = await sessions.input(caller, session, { input_id, response });
    if (isRefusal(stored)) await decline(stored);
  }

  async function approve(request: string, allow: boolean): Promise<void> {
    const decided = await sessions.decide(caller, session, request, { allow });
    if (isRefusal(decided)) return await decline(decided);
    if (decided.kind === "unknown")
      await decline({
        kind: "refused",
        code: "question_unknown",
        detail: "the session has no such question",
      });
  }

  return async (command) => {
    switch (command.kind) {
      case "execute":
        return await execute(command.turn, command.request);
      case "cancel":
        return await cancel(command.reason);
      case "answer":
        return await answer(command.input, command.response);
      case "approval":
        return await approve(command.request, command.allow);
      case "resume":
        return await begin(command.after);
      case "ping":
        return await tell("pong", {});
      case "wrong":
        await tell("error", { message: command.message });
        if (command.ends) await tell("query_complete", { completed: false });
    }
  };
}
