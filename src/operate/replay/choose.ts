import type { JetStreamManager } from "@nats-io/jetstream";
import type { Envelope } from "../../shared/log/schema/envelope.ts";
import { readableEnvelope } from "../readable-envelope.ts";
import { parseEventSubject, type Kind } from "../../shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../../shared/log/schema/topology.ts";
import { walk, walkOneByOne } from "../../shared/log/follow/walk.ts";
import { countFrom } from "../../shared/log/follow/positions.ts";
import type { IsSettled } from "../../shared/log/state/settlement.ts";
import type { LeftOut } from "./record.ts";
import { filtersOf, wantsKind, type Selection } from "./selection.ts";

/** The decision on one event of the selection. */
export type Choice = { kind: "send" } | { kind: "leave"; why: keyof LeftOut } | { kind: "other" };

/** The facts that decide about one event. */
export type Facts = {
  kind: Kind;
  settled: boolean;
  /** True if a later run report ended its session. */
  finishedLater: boolean;
  /** True if it is a dead letter. */
  dead: boolean;
};

/** Decides about one event within the range. `other`: the event is not part of the selection. Pure. */
export function choose(selection: Pick<Selection, "kinds" | "includeBinds">, facts: Facts): Choice {
  if (!wantsKind(selection, facts.kind))
    return selection.kinds.length === 0 ? { kind: "leave", why: "runReports" } : { kind: "other" };
  if (!facts.settled) return { kind: "leave", why: "waiting" };
  if (facts.dead) return { kind: "leave", why: "dead" };
  if (facts.kind === "bind" && facts.finishedLater && !selection.includeBinds)
    return { kind: "leave", why: "binds" };
  return { kind: "send" };
}

/** One event as it was read, with the decision about it. */
export type Looked = {
  seq: number;
  /** Index of the filter that found it. */
  filter: number;
  session: string;
  kind: Kind;
  /** Time of storage. */
  time: Date;
  subject: string;
  headers: ReadonlyMap<string, string>;
  envelope: Envelope | undefined;
  choice: Choice;
  /** How many messages of this filter follow, including those above the range. */
  left: number;
};

export type LookDeps = {
  jsm: JetStreamManager;
  /** Partitions of the log. */
  shardCount: number;
  settlement: IsSettled;
  /** The sequence at which a session last ended; 0 if it did not. */
  finished: (session: string) => Promise<number>;
  /** The ids of the dead letters. */
  dead: ReadonlySet<string>;
};

/**
 * Reads the selection's events in the order in which they are sent, from a position. Only messages that match a subject filter are read. It
 * reads in small steps, because live events wait for the broker meanwhile. Throws `schema_newer`.
 */
export async function* look(
  deps: LookDeps,
  selection: Selection,
  range: { from: number; to: number; position: { filter: number; seq: number } },
  slowly: boolean,
): AsyncGenerator<Looked> {
  const filters = filtersOf(selection, deps.shardCount);
  for (const [filter, subjects] of filters.entries()) {
    if (filter < range.position.filter) continue;
    const from = filter === range.position.filter ? Math.max(range.from, range.position.seq + 1) : range.from;
    // A page tells how many messages follow, so no extra pass is needed to count the few events of one session.
    const oneByOne = slowly && selection.sessions.length === 0;
    let left = oneByOne ? await countFrom(deps.jsm, subjects, from) : 0;
    const messages = (oneByOne ? walkOneByOne : walk)(deps.jsm, EVENTS_STREAM, subjects, from);
    for await (const message of messages) {
      const { seq, subject } = message;
      if (seq > range.to) break;
      left = oneByOne ? left - 1 : message.pending;
      const address = parseEventSubject(subject);
      if (address === undefined) continue;
      const { session, kind } = address;
      const envelope = readableEnvelope(message.data);
      let choice = choose(selection, {
        kind,
        settled: deps.settlement(session, seq),
        dead: envelope !== undefined && deps.dead.has(envelope.id),
        finishedLater: kind === "bind" && !selection.includeBinds && (await deps.finished(session)) > seq,
      });
      if (choice.kind === "send" && envelope === undefined) choice = { kind: "leave", why: "unreadable" };
      if (choice.kind === "other") continue;
      const headers = new Map(message.header.keys().map((name) => [name, message.header.get(name)]));
      yield { seq, filter, session, kind, time: message.time, subject, headers, envelope, choice, left };
    }
  }
}
