import type { IncomingHttpHeaders } from "node:http";
import type { HttpErrorCode } from "../../shared/base/errors.ts";

/**
 * What a credential allows: to read sessions, to push events into them, to act as their user (turns, answers, deletion), to do so for every user, and to report as an agent's
 * hook. None includes another one.
 */
export type Scope = "read" | "write" | "user" | "admin" | "hooks";

/** Who sends a request. */
export type Caller = {
  user: string;
  scopes: ReadonlySet<Scope>;
  /** Requests need no credential here: everything is allowed for every user. */
  open: boolean;
  /** The only session that the credential is for: that of a pod's token. Undefined: all of its user's. */
  session?: BoundSession;
  /** Aborts when the credential has expired, or was removed. */
  ended: AbortSignal;
};

/** A session by what its user calls it, and by its name: one that is made by the same id later is another one. */
export type BoundSession = { id: string; name: string };

/** Why a request is not carried out. Every protocol says it in its own form. */
export type Refusal = { kind: "refused"; code: HttpErrorCode; detail: string };

/** The part of a request in which its credential is. */
export type Knock = { headers: IncomingHttpHeaders; remoteAddress: string | undefined };

/** Decides who sends a request. */
export type Access = { caller(knock: Knock): Promise<Caller | Refusal> };

export function refuse(code: HttpErrorCode, detail: string): Refusal {
  return { kind: "refused", code, detail };
}

export function isRefusal(it: object): it is Refusal {
  return "kind" in it && it.kind === "refused";
}

/** The refusal of a caller without this scope; undefined if the caller has it. Pure. */
export function lacks({ open, scopes }: Caller, scope: Scope): Refusal | undefined {
  if (open || scopes.has(scope)) return undefined;
  return refuse("scope_missing", `this needs a credential with the scope ${scope}`);
}

/** A hook's key lies in an agent's settings: it is of no use for anything else, not even where every credential is. Pure. */
export function isForHooksOnly({ open, scopes }: Caller): boolean {
  return !open && scopes.size === 1 && scopes.has("hooks");
}

/** May the caller act for every user? Pure. */
export function isForAll({ open, scopes }: Caller): boolean {
  return open || scopes.has("admin");
}
