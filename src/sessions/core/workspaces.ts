import type { Caller, Refusal } from "../access/caller.ts";

/** Decides in which folder a session works. */
export type Workspaces = {
  /** The folder for a new session of `user`, who asks for one or leaves it to the worker (undefined). */
  place(caller: Caller, user: string, asked: string | undefined): Promise<string | undefined | Refusal>;
};

/** Takes every folder that is asked for. */
export const ANY_WORKSPACE: Workspaces = { place: async (_caller, _user, asked) => asked };
