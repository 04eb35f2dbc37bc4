import type { Session } from "../../../shared/session-log/registry/entry.ts";
import { isForAll, isRefusal, refuse, type Caller, type Refusal } from "../../access/caller.ts";
import type { Core } from "../../core/core.ts";
import { MAX_LISTED } from "../../core/list.ts";
import type { Begun, MakeRequest, Sessions } from "./sessions.ts";
import type { TurnStanding } from "./text-turn.ts";
import { plannedSession, SESSION_ID } from "./planned-session.ts";

const refOf = ({ id, user }: Session): { id: string; user: string } => ({ id, user });

/** What this dialect does, done by the core. `newId` makes ids of sessions. */
export function coreSessions(core: Core, newId: () => string): Sessions {
  /**
   * The session that is there under this id. Ids have no users in this dialect: a caller that may act for all of them gets no second session with an id, for then neither
   * could be found.
   */
  async function there(caller: Caller, id: string, user: string): Promise<Session | Refusal | undefined> {
    const found = await core.find(caller, isForAll(caller) ? { id } : { id, user });
    if (isRefusal(found)) return found.code === "session_unknown" ? undefined : found;
    return found.user === user ? found : refuse("session_exists", "another user has a session with this id");
  }

  async function make(caller: Caller, request: MakeRequest): Promise<Session | Refusal> {
    const { id, workspace } = plannedSession(request, newId);
    if (!SESSION_ID.test(id))
      return refuse("session_id_invalid", "ids are letters, digits, dots, hyphens and underscores");
    const known = await there(caller, id, request.user ?? caller.user);
    if (known !== undefined && (isRefusal(known) || request.workspace === undefined)) return known;
    const created = await core.create(caller, { id, user: request.user, workspace });
    return isRefusal(created) ? created : created.session;
  }

  async function list(caller: Caller): Promise<Session[] | Refusal> {
    const all: Session[] = [];
    for (let after: number | undefined = 0; after !== undefined;) {
      const page = await core.list(caller, { after, limit: MAX_LISTED });
      if (isRefusal(page)) return page;
      all.push(...page.sessions);
      after = page.next;
    }
    return all.toReversed();
  }

  return {
    make,
    list,
    find: (caller, id) => core.find(caller, { id }),
    running: () => core.unfinished(),
    async remove(caller, id) {
      const removed = await core.remove(caller, { id });
      return isRefusal(removed) ? removed : { kind: "removed" };
    },
    ...coreTurns(core),
  };
}

type Turns = Pick<Sessions, "begin" | "standing" | "active" | "cancel" | "decide" | "input">;

/** What is done in a session. */
function coreTurns(core: Core): Turns {
  return {
    async begin(caller, session, turn, request): Promise<Begun | Refusal> {
      const data = Buffer.from(JSON.stringify(request));
      const submitted = await core.submitTurn(caller, refOf(session), { turn, data, whenBusy: "reject" });
      if (isRefusal(submitted)) return submitted.code === "turn_running" ? { kind: "busy" } : submitted;
      return { kind: submitted.repeated ? "repeated" : "begun" };
    },
    async standing(caller, session, turn): Promise<TurnStanding | Refusal> {
      const view = await core.findTurn(caller, refOf(session), turn);
      if (isRefusal(view)) return view.code === "turn_unknown" ? { kind: "unknown" } : view;
      return view.ended === undefined
        ? { kind: "open" }
        : { kind: "ended", outcome: view.status, at: view.ended };
    },
    active: (caller, session) => core.activeTurn(caller, refOf(session)),
    async cancel(caller, session, turn, reason) {
      const asked = await core.cancel(caller, refOf(session), turn, reason);
      return isRefusal(asked) ? asked : { kind: "asked" };
    },
    async decide(caller, session, request, decision) {
      const decided = await core.decide(caller, refOf(session), request, decision);
      if (!isRefusal(decided)) return { kind: "decided" };
      return decided.code === "question_unknown" ? { kind: "unknown" } : decided;
    },
    async input(caller, session, answer) {
      const data = Buffer.from(JSON.stringify(answer));
      const stored = await core.input(caller, refOf(session), { id: answer.input_id, data });
      return isRefusal(stored) ? stored : { kind: "stored" };
    },
  };
}
