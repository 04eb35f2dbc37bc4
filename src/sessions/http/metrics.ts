import { Registry } from "prom-client";
import { ERRORS } from "../../shared/base/errors.ts";
import { instrumentsIn } from "../../shared/base/instruments.ts";
import type { Counts } from "./counts.ts";

export type Metrics = {
  /** Prometheus text. */
  render(): Promise<string>;
  contentType: string;
};

/** Metrics of the sessions server. Labels take their values from fixed lists: routes, codes, kinds. No session or user is among them. */
export function createMetrics(
  soFar: Counts,
  levels: {
    logUp: () => boolean;
    room: () => number;
    linesDropped: () => number;
    hooks: { readonly lost: number; waiting: () => number };
  },
): Metrics {
  const registry = new Registry();
  const { count, counts, level, levels: gauges } = instrumentsIn(registry);
  const name = (part: string): string => `runner_relay_sessions_${part}`;
  counts(name("requests_total"), "Requests, by route", "route", () => soFar.requests);
  counts(name("answers_total"), "Answers, by class of their status", "status", () => soFar.answers);
  counts(name("refused_total"), "Requests refused, by code", "code", () =>
    [...soFar.refusals].filter(([code]) => code in ERRORS),
  );
  counts(name("appends_total"), "What clients had stored in the log, by kind", "kind", () => soFar.appends);
  gauges(name("watchers"), "Who watches a session now, by protocol", "protocol", () => soFar.watchers);
  level(name("log_up"), "1 while the server is connected to the broker", () => Number(levels.logUp()));
  level(name("log_room_bytes"), "Bytes that the log of sessions has left", () =>
    Number.isFinite(levels.room()) ? levels.room() : undefined,
  );
  level(
    name("hooks_waiting"),
    "Events of hooks in memory, which the log does not have yet",
    levels.hooks.waiting,
  );
  count(name("hooks_lost_total"), "Events of hooks that were lost", () => levels.hooks.lost);
  count(
    name("log_lines_dropped_total"),
    "Log lines that were dropped because stderr could not be written",
    levels.linesDropped,
  );
  level(name("resident_memory_bytes"), "Resident memory", () => process.memoryUsage.rss());
  return { render: () => registry.metrics(), contentType: registry.contentType };
}
