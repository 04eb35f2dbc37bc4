import { sessionToken } from "../log/schema/session-id.ts";

/** A relay tells its state on change and this often; a gateway that heard nothing for {@link STATE_SILENCE_MS} counts it as away. */
export const STATE_INTERVAL_MS = 1000;
export const STATE_SILENCE_MS = 3000; // three missed

/** Sessions named in one state message; beyond it `overflow` is set and every session counts as backlogged. */
export const STATE_MAX_SESSIONS = 1000; // about 60 B each: 60 KB at the most, once a second

/** Longest message: a thousand sessions of 200 bytes, and twice as much for all that stands around them. */
const MAX_STATE_LENGTH: number = 600 * 1000;

export type CoordinatorState = "up" | "away" | "paused";

/** The message on `rr.state.<relay>` (JSON). */
export type RelayState = {
  v: 1;
  relay: string;
  /**
   * Shards this relay forwards now; `behind` ones have messages that were not read yet, so their sessions count as backlogged. What it
   * says of sessions counts for these only.
   */
  shards: { shard: number; behind: boolean }[];
  /** Shards it takes as soon as something comes and no other relay has them: idle ones, and those of others. */
  standby?: number[];
  coordinator: {
    state: CoordinatorState;
    /** code, such as `breaker_open`, `unauthorized`, `wrong_address` */ reason?: string;
    /** Since when it has not been up, milliseconds since 1970. */
    since?: number;
  };
  /** Sessions whose events wait behind others, with how much waits. */
  backlog: { session: string; events: number; bytes: number }[];
  overflow: boolean;
  /** Operators' wishes about sessions up to this revision of the state bucket are in force here (control.ts). */
  controls?: number;
  /** Of the process: requests that it passed on died with it, though one of the same name is back. */
  instance?: string;
  /** Set in the last message before a graceful stop. */
  stopping?: true;
};

/** The relay's process in subjects between it and gateways. */
export function relayToken(state: Pick<RelayState, "relay" | "instance">): string {
  return `${sessionToken(state.relay)}-${state.instance ?? ""}`;
}

/** Shards that one of these relays has, or takes as soon as something comes. Pure. */
export function servedShards(states: readonly RelayState[]): Set<number> {
  return new Set(states.flatMap((it) => [...it.shards.map(({ shard }) => shard), ...(it.standby ?? [])]));
}

/** Does nothing go out until somebody resumes it? */
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
