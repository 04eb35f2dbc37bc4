import type { Session } from "../../../shared/session-log/registry/entry.ts";
import type { Caller } from "../../access/caller.ts";
import type { Start } from "../../stream/start.ts";
import type { Frame } from "./frame.ts";
import type { Sessions } from "./sessions.ts";
import type { Teller } from "./tell.ts";

export type TalkDeps = {
  sessions: Sessions;
  /** The same text twice in a while, without an id, is one turn. */
  textDedupe: boolean;
  /** An id for a turn. */
  turnId: () => string;
  /** Wall clock, milliseconds since 1970. */
  now: () => number;
};

/** A session on a socket. */
export type Place = { session: Session; teller: Teller; begin: (start: Start) => Promise<void> };

/** A client in its session. `say` sends a frame, and waits where the client is slow. */
export type TalkOptions = { caller: Caller; place: Place; say: (frame: Frame) => Promise<void> };
