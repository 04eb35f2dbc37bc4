import { createHash, randomUUID } from "node:crypto";
import { codedError } from "../../base/errors.ts";
import { put, type PutDeps } from "../append/put.ts";
import { roleOf, type ClientKind, type Source } from "../event/kinds.ts";
import { encodeSessionEnvelope } from "../event/session-envelope.ts";
import type { Session } from "../registry/entry.ts";
import { inSubject } from "../subjects.ts";

/** What became of a client's wish. */
export type Requested =
  /** It lies in the log at `seq`, written at `at` (wall clock, milliseconds since 1970). */
  | { kind: "accepted"; seq: number; at: number }
  /** It lay there already, or another one of the same name: a turn with this id, a decision about this question. */
  | { kind: "repeated"; seq: number };

export type Wish = {
  kind: ClientKind;
  /** Only one of each token is stored. */
  token: string;
  /** Who it comes from, and what it is shown as, if that is not the session's user and the kind. */
  source?: Source;
  type?: string;
  turn?: string;
  /** JSON. */
  data: Uint8Array;
  /** Fits into a full log. */
  urgent: boolean;
  /** W3C `traceparent` of the request. */
  trace?: string | undefined;
  /** The process that holds the caller's token. */
  holder?: string | undefined;
  /** Stored only if the newest event of `filter` is this one, instead of only if there is none of its token. */
  behind?: { filter: string; last: number };
};

/** Stores a wish, if none of its token is there. Throws `sessions_full` and `log_refused`. */
export async function storeWish(deps: PutDeps, session: Session, of: Wish): Promise<Requested> {
  const { kind, token, turn, data, urgent, trace, holder } = of;
  const subject = inSubject(session.name, kind, token);
  const at = deps.clock.wall();
  const id = randomUUID(); // so that this request, if its answer was lost, differs from the same one by another process
  const envelope = {
    id,
    source: of.source ?? "user",
    kind: of.type ?? roleOf({ side: "in", kind })?.type ?? kind,
    session: session.id,
    at,
    body: data,
    ...(turn === undefined ? {} : { turn }),
    ...(trace === undefined ? {} : { trace }),
    ...(holder === undefined ? {} : { holder }),
  };
  const stored = await put(deps, {
    subject,
    filter: subject,
    last: 0,
    ...of.behind,
    messageId: `${session.name}.${id}`,
    data: encodeSessionEnvelope(envelope),
    urgent,
  });
  if (stored.kind === "stored") return { kind: "accepted", seq: stored.seq, at };
  if (stored.kind === "overtaken") return { kind: "repeated", seq: stored.by };
  throw codedError(stored.full ? "sessions_full" : "log_refused", stored.detail);
}

/** Ids of clients are texts; a part of a subject is not. Pure. */
export function wishToken(id: string): string {
  return createHash("sha256").update(id).digest("base64url").slice(0, 22);
}
