import { sessionToken } from "../log/schema/session-id.ts";

/** A relay publishes its state on every change and this often. A gateway that heard nothing for {@link STATE_SILENCE_MS} counts it as away. */
export const STATE_INTERVAL_MS = 1000;
export const STATE_SILENCE_MS = 3000; // three missed messages

/** Most sessions in one state message. If there are more, `overflow` is set, and every session counts as backlogged. */
export const STATE_MAX_SESSIONS = 1000; // about 60 B each, so at most 60 KB once a second

/** Longest message: a thousand sessions of 200 bytes, and twice as much for the other fields. */
const MAX_STATE_LENGTH: number = 600 * 1000;

export type CoordinatorState = "up" | "away" | "paused";

/** The message on `rr.state.<relay>` (JSON), for operators, the console, and gateways of before ADR 0059. Others hear less: relay-brief.ts. */
export type RelayState = {
  v: 1;
  relay: string;
  /**
   * The shards that this relay forwards now. Those that are `behind` have unread messages, so all their sessions count as backlogged. The relay's list of
   * sessions is valid only for these shards.
   */
  shards: { shard: number; behind: boolean }[];
  /** The shards that it takes over when an event arrives and no other relay owns them: idle ones, and those of other relays. */
  standby?: number[];
  coordinator: {
    state: CoordinatorState;
    /** A code such as `breaker_open`, `unauthorized` or `wrong_address`. */ reason?: string;
    /** The time since which it is not up, milliseconds since 1970. */
    since?: number;
  };
  /** Sessions with a backlog, and the size of each backlog. */
  backlog: { session: string; events: number; bytes: number }[];
  overflow: boolean;
  /** Operators' requests up to this revision of the state bucket are in force at this relay (control.ts). */
  controls?: number;
  /** The id of the process. Requests that it passed on died with it, even if a relay of the same name is back. */
  instance?: string;
  /** Set in the last message before a graceful stop. */
  stopping?: true;
};

/** The relay's process id in subjects between it and gateways. */
export function relayToken(state: Pick<RelayState, "relay" | "instance">): string {
  return `${sessionToken(state.relay)}-${state.instance ?? ""}`;
}

/** The shards that one of these relays owns, or takes over when an event arrives. Pure. */
export function servedShards(states: readonly RelayState[]): Set<number> {
  return new Set(states.flatMap((it) => [...it.shards.map(({ shard }) => shard), ...(it.standby ?? [])]));
}

/** True if nothing is sent until an operator resumes. */
export function isStopped({ coordinator: { state, reason } }: RelayState): boolean {
  return state === "paused" && (reason === "paused_by_operator" || reason === "poison_stop");
}

export function encodeState(state: RelayState): string {
  return JSON.stringify(state);
}

/** Undefined for anything that is not a state of a version we know. */
export function decodeState(text: string): RelayState | undefined {
  if (text.length > MAX_STATE_LENGTH) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("v" in value) || value.v !== 1) return undefined;
    const it = value as RelayState;
    const whole =
      typeof it.relay === "string" &&
      Array.isArray(it.shards) &&
      (it.standby === undefined || Array.isArray(it.standby)) &&
      Array.isArray(it.backlog) &&
      ["up", "away", "paused"].includes(it.coordinator?.state);
    return whole ? it : undefined;
  } catch {
    return undefined;
  }
}
