import { AggregatorRegistry, Registry, type MetricValue } from "prom-client";
import type { ErrorCode } from "../../shared/base/errors.ts";
import { instrumentsIn } from "../../shared/base/instruments.ts";
import type { Dependency } from "../report/admin-server.ts";
import { showProcess, type Metrics } from "../report/metrics.ts";
import { needsSomebody } from "./again.ts";

/** What a relay tells of itself, while it runs. */
export type Told = {
  ready: () => Record<string, Dependency>;
  status: () => unknown;
  metrics: Metrics;
};

/** How a log is served. Times are wall time. */
export type LogState =
  | { phase: "starting"; since: number }
  | { phase: "served"; told: Told }
  /** `since`: when it was served last. */
  | { phase: "failed"; since: number; code: ErrorCode; text: string; againAt: number };

/** The logs of a process, by name. */
export type LogStates = ReadonlyMap<string, LogState>;

/** What a log is called in `/ready` and in metrics. `away`: it may come back by itself. `failed`: somebody has to do something. */
const WORDS = ["up", "starting", "away", "failed"] as const;
type Word = (typeof WORDS)[number];

/** Pure. */
function wordOf(state: LogState): Word {
  switch (state.phase) {
    case "starting":
      return "starting";
    case "failed":
      return needsSomebody(state.code) ? "failed" : "away";
    case "served":
      return state.told.ready()["log"]?.ok === true ? "up" : "away";
  }
}

/** One log in the answer of `/ready`. Pure. */
export function shownOf(state: LogState): Record<string, unknown> {
  const word = wordOf(state);
  if (state.phase === "served") {
    const { log, ...others } = state.told.ready();
    return {
      state: word,
      since: log?.since,
      detail: log?.detail,
      waiting: log?.waiting,
      dependencies: others,
    };
  }
  const since = new Date(state.since).toISOString();
  if (state.phase === "starting") return { state: word, since };
  const { code, text, againAt } = state;
  return { state: word, since, code, detail: text, again_at: new Date(againAt).toISOString() };
}

/**
 * The answer of `/ready` for the process. A host that is away is no fault of it, so that the logs are well while none needs somebody and one of them is
 * there; the coordinator is there when one log's relay reaches it. The number of requests at once is shown with each log. Pure.
 */
export function readyOf(states: LogStates, credentials: Dependency): Record<string, Dependency> {
  const words = [...states].map(([name, state]) => ({ name, state, word: wordOf(state) }));
  const up = words.filter(({ word }) => word === "up");
  const failed = words.flatMap(({ name, state, word }) =>
    word === "failed" && state.phase === "failed" ? [`${name}: ${state.code}`] : [],
  );
  const coordinators = words.flatMap(({ state }) =>
    state.phase === "served" ? (state.told.ready()["coordinator"] ?? []) : [],
  );
  const { ok, detail } = coordinators.find((it) => it.ok) ??
    coordinators[0] ?? { ok: false, detail: "not asked: no log is served" };
  return {
    logs: {
      ok: failed.length === 0 && up.length > 0,
      detail: [`${up.length} of ${words.length} up`, ...failed].join("; "),
    },
    coordinator: { ok, detail },
    credentials,
  };
}

/** The answer of `/status`, for people. */
export function statusOf(states: LogStates): unknown {
  const shown = (state: LogState): unknown =>
    state.phase === "served" ? state.told.status() : shownOf(state);
  return { logs: Object.fromEntries([...states].map(([name, state]) => [name, shown(state)])) };
}

/** The metrics of all logs, each with the name of its log as a label, and those of the process once. */
export function metricsOf(states: () => LogStates, linesDropped: () => number): Metrics {
  const own = new Registry();
  showProcess(own, linesDropped);
  instrumentsIn(own).levels(
    "runner_relay_logs",
    "Logs that this process serves, by how they are",
    "state",
    () =>
      WORDS.map((word) => [word, [...states().values()].filter((state) => wordOf(state) === word).length]),
  );
  instrumentsIn(own).levels(
    "runner_relay_log_up",
    "1 while the log answers and its events are forwarded",
    "log",
    () => [...states()].map(([name, state]) => [name, Number(wordOf(state) === "up")]),
  );
  const ofLog = async (name: string, state: LogState): Promise<Shown[]> => {
    if (state.phase !== "served") return [];
    const found = await state.told.metrics.json();
    return found.map((metric) => ({
      ...metric,
      values: metric.values.map((value) => labelled(value, name)),
    }));
  };
  const together = async (): Promise<Registry> => {
    const ofLogs = [...states()].map(([name, state]) => ofLog(name, state));
    return AggregatorRegistry.aggregate(await Promise.all([own.getMetricsAsJSON(), ...ofLogs]));
  };
  return {
    text: async () => (await together()).metrics(),
    json: async () => (await together()).getMetricsAsJSON(),
    contentType: own.contentType,
  };
}

type Shown = Awaited<ReturnType<Metrics["json"]>>[number];

function labelled<V extends MetricValue<string>>(value: V, log: string): V {
  return { ...value, labels: { ...value.labels, log } };
}
