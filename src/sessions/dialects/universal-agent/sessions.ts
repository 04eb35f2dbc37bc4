import type { Caller, Refusal } from "../../access/caller.ts";
import type { Session } from "../../../shared/session-log/registry/entry.ts";

/** What a client asks for when it makes a session. */
export type MakeRequest = {
  user?: string | undefined;
  id?: string | undefined;
  workspace?: string | undefined;
};

/** What this dialect does with sessions. */
export type Sessions = {
  make(caller: Caller, request: MakeRequest): Promise<Session | Refusal>;
  find(caller: Caller, id: string): Promise<Session | Refusal>;
  /** All that the caller may see, the newest first. */
  list(caller: Caller): Promise<Session[] | Refusal>;
  /** Names of those among them that have a turn which has not ended. */
  running(): Promise<ReadonlySet<string> | Refusal>;
  remove(caller: Caller, id: string): Promise<{ kind: "removed" } | Refusal>;
};
