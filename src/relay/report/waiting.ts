import { MOST_SESSIONS } from "../../shared/log/state/damage.ts";
import type { Dispatcher, HeldSessions } from "../lanes/index.ts";
import type { WaitingHere } from "../source/next-mark.ts";
import type { Shard } from "../source/shard.ts";

/** The sessions with pending events, for the mark of the log. With them a relay can report whose events a damaged log lost. */
export function waitingHere(deps: {
  dispatcher: Pick<Dispatcher, "backlog">;
  held: Pick<HeldSessions, "list">;
  shards: readonly Pick<Shard, "status">[];
}): WaitingHere {
  const sessions = new Map<string, number>();
  for (const { session, events } of deps.dispatcher.backlog(MOST_SESSIONS).sessions)
    sessions.set(session, events);
  for (const { record, waiting } of deps.held.list()) sessions.set(record.session, waiting);
  const active = deps.shards.map((shard) => shard.status()).filter(({ phase }) => phase === "active");
  return {
    held: deps.held.list().map(({ record }) => [record.session, record.from, record.reason]),
    sessions: [...sessions].filter(([, events]) => events > 0),
    shards: new Set(active.map(({ shard }) => shard)),
  };
}
