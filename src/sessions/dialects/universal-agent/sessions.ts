import type { Caller, Refusal } from "../../access/caller.ts";
import type { Session } from "../../../shared/session-log/registry/entry.ts";
import type { TurnRequest } from "./command.ts";
import type { TurnStanding } from "./text-turn.ts";

/** What a client asks for when it makes a session. */
export type MakeRequest = {
  user?: string | undefined;
  id?: string | undefined;
  workspace?: string | undefined;
};

/** What became of a turn that a client asked for. */
export type Begun =
  | { kind: "begun" }
  /** A turn with this id was there. */
  | { kind: "repeated" }
  /** Another turn has not ended. */
  | { kind: "busy" };

/** What this dialect does with sessions. */
export type Sessions = {
  make(caller: Caller, request: MakeRequest): Promise<Session | Refusal>;
  find(caller: Caller, id: string): Promise<Session | Refusal>;
  /** All that the caller may see, the newest first. */
  list(caller: Caller): Promise<Session[] | Refusal>;
  /** Names of those among them that have a turn which has not ended. */
  running(): Promise<ReadonlySet<string> | Refusal>;
  remove(caller: Caller, id: string): Promise<{ kind: "removed" } | Refusal>;
  begin(caller: Caller, session: Session, turn: string, request: TurnRequest): Promise<Begun | Refusal>;
  standing(caller: Caller, session: Session, turn: string): Promise<TurnStanding | Refusal>;
  /** The turn that runs; without one the next that will. */
  active(caller: Caller, session: Session): Promise<{ turn: string | undefined } | Refusal>;
  cancel(
    caller: Caller,
    session: Session,
    turn: string,
    reason: string,
  ): Promise<{ kind: "asked" } | Refusal>;
  /** Answers a question for leave. `unknown`: it is none of those. */
  decide(
    caller: Caller,
    session: Session,
    request: string,
    answer: { allow: boolean; message?: string },
  ): Promise<{ kind: "decided" | "unknown" } | Refusal>;
  /** Answers another question of an agent. */
  input(
    caller: Caller,
    session: Session,
    answer: { input_id: string; response: string },
  ): Promise<{ kind: "stored" } | Refusal>;
};
