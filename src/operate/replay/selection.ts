import { codedError } from "../../shared/base/errors.ts";
import { partitionOf } from "../../shared/log/schema/partition.ts";
import { sessionIdProblem, sessionToken } from "../../shared/log/schema/session-id.ts";
import { isKind, type Kind } from "../../shared/log/schema/subjects.ts";

/** Which events of the log to send again. All given conditions must hold. */
export type Selection = {
  /** Empty for every session. */
  sessions: string[];
  /** Empty for every kind except `run`. */
  kinds: Kind[];
  /** Time of storage, milliseconds since 1970: from (inclusive), until (exclusive). */
  since?: number;
  until?: number;
  /** Range of sequences in the log, both inclusive. */
  fromSeq?: number;
  toSeq?: number;
  /** True to include binds of sessions that have finished since. */
  includeBinds: boolean;
};

/** The options as given on the command line. */
export type SelectionText = {
  session?: readonly string[];
  kind?: readonly string[];
  since?: string;
  until?: string;
  fromSeq?: string;
  toSeq?: string;
  includeBinds?: boolean;
};

/**
 * Parses a selection; `now` is in milliseconds since 1970. Throws `usage` for an invalid value, and for an empty selection, because replaying
 * everything must not be the result of a forgotten flag.
 */
export function parseSelection(text: SelectionText, now: number): Selection {
  const sessions = [...new Set(text.session)];
  for (const session of sessions) {
    if (sessionIdProblem(session) !== undefined)
      throw codedError("usage", `--session ${session} is not a valid session id`);
  }
  const kinds = [...new Set((text.kind ?? []).flatMap((list) => list.split(",")).map((one) => one.trim()))];
  const since = text.since === undefined ? undefined : parseWhen("--since", text.since, now);
  const until = text.until === undefined ? undefined : parseWhen("--until", text.until, now);
  const fromSeq = text.fromSeq === undefined ? undefined : parseSequence("--from-seq", text.fromSeq);
  const toSeq = text.toSeq === undefined ? undefined : parseSequence("--to-seq", text.toSeq);
  if (
    sessions.length === 0 &&
    kinds.length === 0 &&
    [since, until, fromSeq, toSeq].every((it) => it === undefined)
  )
    throw codedError(
      "usage",
      "select what to replay with --session, --kind, --since, --until, --from-seq or --to-seq",
    );
  if (since !== undefined && until !== undefined && since >= until)
    throw codedError("usage", "--since must be before --until");
  if (fromSeq !== undefined && toSeq !== undefined && fromSeq > toSeq)
    throw codedError("usage", "--from-seq must not be higher than --to-seq");
  return {
    sessions,
    kinds: kinds.map(kindOf),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(fromSeq === undefined ? {} : { fromSeq }),
    ...(toSeq === undefined ? {} : { toSeq }),
    includeBinds: text.includeBinds ?? false,
  };
}

/** Subject filters, one per session. They are read one after the other, so that a session's events stay in order (ORDER-1). */
export function filtersOf(
  { sessions, kinds }: Pick<Selection, "sessions" | "kinds">,
  shardCount: number,
): string[] {
  const kind = kinds.length === 1 ? kinds[0] : "*";
  if (sessions.length === 0) return [`rr.ev.*.*.*.${kind}`];
  return sessions.map(
    (session) => `rr.ev.${partitionOf(session, shardCount)}.*.${sessionToken(session)}.${kind}`,
  );
}

/** True if a kind is selected. Run reports must be named, because a restarted coordinator knows no runner and the reports would block their session. */
export function wantsKind({ kinds }: Pick<Selection, "kinds">, kind: Kind): boolean {
  return kinds.length === 0 ? kind !== "run" : kinds.includes(kind);
}

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Parses a time to milliseconds since 1970: an ISO time, or how long ago (`90s`, `30m`, `2h`, `7d`, `1h30m`). Throws `usage`. */
export function parseWhen(flag: string, text: string, now: number): number {
  if (/^(\d+(\.\d+)?[smhd])+$/.test(text)) {
    let ago = 0;
    for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)([smhd])/g))
      ago += Number(amount) * (UNITS[unit ?? ""] ?? 0);
    return now - ago;
  }
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw codedError("usage", `${flag} takes an ISO time or how long ago (30m, 2h, 7d), not ${text}`);
  return at;
}

/** Parses a rate (`500/s`, `500`, `30/m`) to events per second, more than 0. Throws `usage`. */
export function parseRate(text: string): number {
  const [, amount, unit = "s"] = /^(\d+(?:\.\d+)?)(?:\/(s|m))?$/.exec(text) ?? [];
  const rate = Number(amount) / (unit === "m" ? 60 : 1);
  if (!(rate > 0))
    throw codedError("usage", `--rate takes events per second or minute (500/s, 30/m), not ${text}`);
  return rate;
}

function parseSequence(flag: string, text: string): number {
  const seq = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(seq) || seq < 1)
    throw codedError("usage", `${flag} takes a sequence of the log, not ${text}`);
  return seq;
}

function kindOf(text: string): Kind {
  if (!isKind(text)) throw codedError("usage", `--kind takes event, bind, metadata or run, not ${text}`);
  return text;
}
