import { sessionToken } from "../log/schema/session-id.ts";
import { FLOW_PREFIX, STATE_SUBJECT } from "../log/schema/subjects.ts";
import type { RelayState } from "./relay-state.ts";

// Every gateway hears every relay, so what it hears must be short, whatever waits: a brief when something changed, and a beat of some 15 bytes every second that
// says that the last brief still holds. How much of a session waits is asked (session-amounts.ts) by the gateways that have written to it. The whole state, with its list of sessions, goes to
// operators, the console, and gateways of before ADR 0059; they subscribe another subject.

/** Shards are named by the bits of a hexadecimal number of at most this many digits. */
const MASK_DIGITS = 16;
/** Longest brief: two names and a reason. */
const MAX_BRIEF_LENGTH = 2000;

/** What gateways have to know of a relay at any time; the message on `rr.state.<relay>.brief`. */
export type RelayBrief = Pick<RelayState, "relay" | "coordinator" | "stopping"> & {
  instance: string;
  /** Counts the briefs of this process; beats name the one that holds. */
  number: number;
  /** The shards that this relay forwards now. `behind` as in {@link RelayState}; `waiting`: some of their sessions have a backlog. */
  shards: { shard: number; behind: boolean; waiting: boolean }[];
  standby: number[];
  /** Another relay runs that publishes no briefs, because it is of before ADR 0059: gateways have to hear whole states. */
  wholeOnly: boolean;
};

/** The message on `rr.state.<relay>.beat`. */
export type Beat = Pick<RelayBrief, "instance" | "number">;

/** Subject of a relay's briefs or beats. */
export function briefSubject(relay: string, what: "brief" | "beat"): string {
  return `${STATE_SUBJECT}.${sessionToken(relay)}.${what}`;
}

/** Briefs and beats of all relays. */
export const BRIEFS_SUBJECT: string = `${STATE_SUBJECT}.*.*`;

/** Whole states of all relays. */
export const STATES_SUBJECT: string = `${STATE_SUBJECT}.*`;

/** What gateways ask one relay: for its newest brief, or how much of some sessions waits. */
export type GatewayQuestion = "brief" | "backlog";

/** The subject of such a question. `relay`: the token of the relay's process; `gateway`: the gateway's token, under which the broker lets only that gateway publish. */
export function gatewayQuestion(relay: string, gateway: string, question: GatewayQuestion): string {
  return `${FLOW_PREFIX}.${relay}.${gateway}.${question}`;
}

export function encodeBrief(brief: RelayBrief): string {
  const { shards, standby, wholeOnly, stopping, ...rest } = brief;
  const those = (wanted: (it: RelayBrief["shards"][number]) => boolean): string =>
    maskOf(shards.filter(wanted).map(({ shard }) => shard));
  return JSON.stringify({
    v: 2, // a gateway that knows whole states only leaves it out
    ...rest,
    own: those(() => true),
    behind: those(({ behind }) => behind),
    waiting: those(({ waiting }) => waiting),
    standby: maskOf(standby),
    ...(wholeOnly ? { wholeOnly } : {}),
    ...(stopping ? { stopping } : {}),
  });
}

/** Undefined for anything that is no brief of a version we know. */
export function decodeBrief(text: string): RelayBrief | undefined {
  if (text.length > MAX_BRIEF_LENGTH) return undefined;
  try {
    const value = JSON.parse(text) as Partial<Record<string, unknown>> | null;
    if (typeof value !== "object" || value === null || value["v"] !== 2) return undefined;
    const { relay, instance, number, coordinator } = value as Partial<RelayBrief>;
    const [own, behind, waiting, standby] = ["own", "behind", "waiting", "standby"].map((name) =>
      shardsIn(value[name]),
    );
    if (own === undefined || behind === undefined || waiting === undefined || standby === undefined)
      return undefined;
    if (typeof relay !== "string" || typeof instance !== "string" || typeof number !== "number")
      return undefined;
    if (coordinator === undefined || !["up", "away", "paused"].includes(coordinator.state)) return undefined;
    return {
      relay,
      instance,
      number,
      coordinator,
      shards: [...own].map((shard) => ({
        shard,
        behind: behind.has(shard),
        waiting: waiting.has(shard),
      })),
      standby: [...standby],
      wholeOnly: value["wholeOnly"] === true,
      ...(value["stopping"] === true ? { stopping: true as const } : {}),
    };
  } catch {
    return undefined;
  }
}

export function encodeBeat({ instance, number }: Beat): string {
  return `${instance} ${number}`;
}

export function decodeBeat(text: string): Beat | undefined {
  const [, instance, number] = /^([0-9a-z]{1,40}) (\d{1,15})$/.exec(text) ?? [];
  return instance === undefined ? undefined : { instance, number: Number(number) };
}

/** A brief as a whole state without sessions, for what needs no more of it. Pure. */
export function stateOfBrief({ relay, instance, coordinator, stopping, ...brief }: RelayBrief): RelayState {
  return {
    v: 1,
    relay,
    instance,
    shards: brief.shards.map(({ shard, behind }) => ({ shard, behind })),
    standby: brief.standby,
    coordinator,
    backlog: [],
    overflow: false,
    ...(stopping ? { stopping } : {}),
  };
}

/** Shard numbers as bits: 0 and 3 are "9". Pure. */
export function maskOf(shards: Iterable<number>): string {
  let mask = 0n;
  for (const shard of shards) mask |= 1n << BigInt(shard);
  return mask.toString(16);
}

/** The shards of such a mask, ascending; undefined for anything else. Pure. */
export function shardsIn(mask: unknown): Set<number> | undefined {
  if (typeof mask !== "string" || mask.length > MASK_DIGITS || !/^[0-9a-f]+$/.test(mask)) return undefined;
  const shards = new Set<number>();
  let rest = BigInt(`0x${mask}`);
  for (let shard = 0; rest > 0n; shard++, rest >>= 1n) if ((rest & 1n) === 1n) shards.add(shard);
  return shards;
}
