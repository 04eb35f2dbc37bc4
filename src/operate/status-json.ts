import { standingJson, type StandingJson } from "../shared/messages/standing/standing-text.ts";
import type { Status } from "./status.ts";
import type { WaitingSession } from "./status-sessions.ts";

/** A session in `status --json`. */
export type SessionJson = StandingJson & Pick<WaitingSession, "bytes" | "held">;

/** `status --json`. Programs read it, so its names must not change. Each session is in it once, in `sessions.list`. */
export type StatusJson = Omit<Status, "backlog" | "controls" | "relays" | "sessions"> & {
  backlog: Omit<Status["backlog"], "held">;
  controls: Omit<Status["controls"], "sessions">;
  relays: Omit<Status["relays"][number], "backlog">[];
  sessions: Omit<Status["sessions"], "list"> & { list: SessionJson[] };
};

/** Pure. */
export function statusJson(status: Status): StatusJson {
  const { held, ...backlog } = status.backlog;
  void held; // sessions.list names them
  const { paused } = status.controls;
  return {
    ...status,
    backlog,
    controls: paused === undefined ? {} : { paused },
    relays: status.relays.map(withoutSessions),
    sessions: { ...status.sessions, list: status.sessions.list.map(sessionJson) },
  };
}

function withoutSessions(relay: Status["relays"][number]): StatusJson["relays"][number] {
  const { backlog, ...others } = relay;
  void backlog;
  return others;
}

function sessionJson({ bytes, held, ...standing }: WaitingSession): SessionJson {
  return {
    ...standingJson(standing),
    ...(bytes === undefined ? {} : { bytes }),
    ...(held === undefined ? {} : { held }),
  };
}
