import { DEFAULT_SHARDS, shardOf as shardIn } from "../../src/shared/log/schema/partition.ts";
import * as subjects from "../../src/shared/log/schema/subjects.ts";

// Subjects and shards of a log of the usual number of partitions, as most tests have it.

export const SHARDS: number = DEFAULT_SHARDS;

export function shardOf(session: string): number {
  return shardIn(session, SHARDS);
}

export function eventSubject(
  runner: string,
  session: string,
  kind: subjects.Kind,
  origin: subjects.Origin = "ev",
): string {
  return subjects.eventSubject(runner, session, kind, SHARDS, origin);
}

export function deadSubject(eventId: string, runner: string, session: string, kind: subjects.Kind): string {
  return subjects.deadSubject(eventId, runner, session, kind, SHARDS);
}

export function sessionFilter(session: string): string {
  return subjects.sessionFilter(session, SHARDS);
}
