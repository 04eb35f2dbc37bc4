import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";
import { decodeEnvelope, type Envelope } from "../shared/log/schema/envelope.ts";
import { codedError, errorText, isCoded } from "../shared/base/errors.ts";
import { partitionOf } from "../shared/log/schema/partition.ts";
import { readShardCount } from "../shared/log/state/read-shard-count.ts";
import { sessionToken } from "../shared/log/schema/session-id.ts";
import {
  EVERYTHING,
  parseEventSubject,
  type EventAddress,
  type Kind,
} from "../shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../shared/log/schema/topology.ts";
import { walk } from "../shared/log/follow/walk.ts";
import type { Connection } from "./connection.ts";
import { followLog, type FollowDeps } from "./follow-log.ts";
import { readSettlement } from "../shared/log/state/settlement.ts";
import { startOf, type TailStart } from "./tail-start.ts";
import { becameOf, type Became, type VerdictName } from "../shared/log/state/verdicts.ts";

// tail-start.ts finds the start · follow-log.ts goes on · tail-sessions.ts does it with the log of agent sessions · ../shared/log/state/verdicts.ts finds the state of an event · ../shared/log/follow/walk.ts reads without a consumer
// An operator's login cannot create consumers (ADR 0012), so reading and judging are separate steps over direct gets.

/** Which events are shown. All given conditions must hold. */
export type TailFilter = { session?: string; kind?: Kind; runner?: string };

export type TailOptions = {
  filter: TailFilter;
  start: TailStart;
  follow: boolean;
  /** Only events with this state. */
  verdict?: VerdictName;
};

/** One message of the log. `envelope` is absent if the message is not ours; `problem` says why. */
export type Tailed = {
  seq: number;
  stored: Date;
  address: EventAddress;
  became?: Became;
} & ({ envelope: Envelope } | { envelope?: never; problem: string });

type Deps = FollowDeps & { jsm: JetStreamManager; connection: Connection };

/** Most events that are kept until they are settled. When there are more, reading waits. */
const MOST_UNDECIDED = 1000;
const MOST_UNDECIDED_BYTES: number = 32 * 1024 * 1024;

/**
 * Yields the events of the log in order from a position, and new ones if it follows. If a verdict other than `pending` is wanted, an unsettled
 * event is kept until it is settled, so a later event may be yielded before it. It uses direct gets, because operators create no consumers
 * (ADR 0012). Throws `schema_newer` at an event that this program cannot read.
 */
export async function* tail(deps: Deps, options: TailOptions): AsyncGenerator<Tailed> {
  const { connection, jsm } = deps;
  const filter = filterOf(options.filter, await connection.whileUp(readShardCount(jsm)));
  let next: number | undefined;
  let undecided: Tailed[] = [];
  yield* followLog(deps, {
    follow: options.follow,
    async step() {
      let found = false;
      next ??= await connection.whileUp(startOf(jsm, { ...options, filter }));
      if (hasRoom(undecided)) {
        const page = await connection.whileUp(readPage(jsm, filter, next));
        found = page.length > 0;
        next = (page.at(-1)?.seq ?? next - 1) + 1;
        undecided.push(...page.flatMap((message) => tailedOf(message) ?? []));
      }
      const { shown, kept } = await connection.whileUp(decide(jsm, undecided, options));
      undecided = kept;
      return { found, shown };
    },
  });
}

function hasRoom(undecided: readonly Tailed[]): boolean {
  const bytes = undecided.reduce((sum, { envelope }) => sum + (envelope?.body.length ?? 0), 0);
  return undecided.length < MOST_UNDECIDED && bytes < MOST_UNDECIDED_BYTES;
}

/** Reads the messages that the broker returns at once. */
const PAGE = 256;

async function readPage(jsm: JetStreamManager, filter: string, from: number): Promise<StoredMsg[]> {
  const page: StoredMsg[] = [];
  for await (const message of walk(jsm, EVENTS_STREAM, filter, from, PAGE)) {
    page.push(message);
    if (page.length === PAGE) break;
  }
  return page;
}

function filterOf({ session, kind, runner }: TailFilter, shardCount: number): string {
  if (session === undefined && kind === undefined && runner === undefined) return EVERYTHING;
  const [partition, token] =
    session === undefined ? ["*", "*"] : [partitionOf(session, shardCount), sessionToken(session)];
  return `rr.*.${partition}.${runner === undefined ? "*" : sessionToken(runner)}.${token}.${kind ?? "*"}`;
}

/** Undefined for a subject that is not ours. */
function tailedOf(message: StoredMsg): Tailed | undefined {
  const address = parseEventSubject(message.subject);
  if (address === undefined) return undefined;
  const place = { seq: message.seq, stored: message.time, address };
  try {
    return { ...place, envelope: decodeEnvelope(message.data) };
  } catch (error) {
    if (isCoded(error, "schema_newer"))
      throw codedError("schema_newer", `event ${message.seq}: ${error.message}`, { cause: error });
    return { ...place, problem: errorText(error) };
  }
}

async function decide(
  jsm: JetStreamManager,
  events: readonly Tailed[],
  { verdict, follow }: TailOptions,
): Promise<{ shown: Tailed[]; kept: Tailed[] }> {
  if (verdict === undefined || events.length === 0) return { shown: [...events], kept: [] };
  const settled = await readSettlement(jsm);
  const shown: Tailed[] = [];
  const kept: Tailed[] = [];
  for (const event of events) {
    const { session } = event.address;
    const became = await becameOf(jsm, settled, { id: event.envelope?.id ?? "", session, seq: event.seq });
    if (became.verdict === verdict) shown.push({ ...event, became });
    else if (became.verdict === "pending" && follow) kept.push(event);
  }
  return { shown, kept };
}
