import type { PutDeps } from "../../shared/session-log/append/put.ts";
import type { Hub } from "../../shared/session-log/follow/hub.ts";
import type { Leader } from "../../shared/session-log/follow/leader.ts";
import type { Pages } from "../../shared/session-log/follow/pages.ts";
import type { UserGate } from "../access/user-limits.ts";
import type { Workspaces } from "../access/workspaces.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import type { BoundedMap } from "../../shared/base/bounded-map.ts";
import type { Arrivals } from "./arrivals.ts";
import type { CallerTokens } from "./caller-tokens.ts";
import type { TurnCounts } from "./turn-counts.ts";

/** A session, and the newest revision of the keys among which it was the only one. */
export type KnownSession = { session: Session; revision: number };

/** What the operations of this process work with. */
export type CoreDeps = PutDeps & {
  hub: Hub;
  /** Pages of the log. */
  pages: Pages;
  /** Pages of the bucket. */
  keys: Pages;
  workspaces: Workspaces;
  /** Holds users to their limits. */
  gate: UserGate;
  /** Sessions that were found before, by the keys among which they were looked for. */
  known: BoundedMap<KnownSession>;
  turnCounts: TurnCounts;
  arrivals: Arrivals;
  callerTokens: CallerTokens;
  /** A text that nobody can guess, of letters and digits. */
  random: () => string;
};

/** The same within one request, whose `signal` ends it after a while. */
export type Within = CoreDeps & { leader: Leader };
