import { Counter, Registry } from "prom-client";
import { expect, test } from "vitest";
import { metricsOf, readyOf, shownOf, statusOf, type LogState } from "../../../../src/relay/logs/standing.ts";

const OK = { ok: true, detail: "oidc" };
const SINCE = "2026-01-01T00:00:00.000Z";

function served(log: boolean, coordinator = true, count = 1): LogState {
  const registry = new Registry();
  new Counter({ name: "events_total", help: "Events", labelNames: ["how"], registers: [registry] }).inc(
    { how: "delivered" },
    count,
  );
  return {
    phase: "served",
    told: {
      ready: () => ({
        log: { ok: log, detail: log ? "hub:4222" : "disconnected", since: SINCE, waiting: { events: 3 } },
        coordinator: {
          ok: coordinator,
          detail: coordinator ? "up" : "breaker_open",
          concurrency: { allowed: 8, bound: 32 },
        },
        credentials: OK,
      }),
      status: () => "its status",
      metrics: {
        text: () => registry.metrics(),
        json: () => registry.getMetricsAsJSON(),
        contentType: registry.contentType,
      },
    },
  };
}

function failed(code: "log_unreachable" | "checkpoint_missing"): LogState {
  return { phase: "failed", since: Date.parse(SINCE), code, text: "why", againAt: Date.parse(SINCE) + 5000 };
}

test.each([
  ["a host that is away", [served(true), served(false), failed("log_unreachable")], true, "1 of 3 up"],
  [
    "a log that needs somebody",
    [served(true), failed("checkpoint_missing")],
    false,
    "1 of 2 up; log1: checkpoint_missing",
  ],
  ["no log that is there", [served(false), failed("log_unreachable")], false, "0 of 2 up"],
  ["no log", [], false, "0 of 0 up"],
] as const)("the process with %s", (_what, states, ok, detail) => {
  const named = new Map(states.map((state, i) => [`log${i}`, state]));
  expect(readyOf(named, OK)["logs"]).toEqual({ ok, detail });
});

test("the coordinator is there when one relay reaches it, and not known without a relay", () => {
  const of = (...states: LogState[]): unknown =>
    readyOf(new Map(states.map((state, i) => [`log${i}`, state])), OK)["coordinator"];
  expect(of(served(true, false), served(true))).toEqual({ ok: true, detail: "up" });
  expect(of(served(true, false))).toEqual({ ok: false, detail: "breaker_open" });
  expect(of(failed("log_unreachable"))).toMatchObject({ ok: false });
});

test("each log is shown with its link, since when, and what waits; or why it is not served, and when it is tried again", () => {
  expect(shownOf(served(true))).toEqual({
    state: "up",
    since: SINCE,
    detail: "hub:4222",
    waiting: { events: 3 },
    dependencies: {
      coordinator: { ok: true, detail: "up", concurrency: { allowed: 8, bound: 32 } },
      credentials: OK,
    },
  });
  expect(shownOf(served(false))).toMatchObject({ state: "away", since: SINCE });
  expect(shownOf(failed("checkpoint_missing"))).toEqual({
    state: "failed",
    since: SINCE,
    code: "checkpoint_missing",
    detail: "why",
    again_at: "2026-01-01T00:00:05.000Z",
  });
  expect(shownOf(failed("log_unreachable"))).toMatchObject({ state: "away" });
  expect(shownOf({ phase: "starting", since: 0 })).toMatchObject({ state: "starting" });
  expect(statusOf(new Map([["a", served(true)]]))).toEqual({ logs: { a: "its status" } });
});

test("metrics of each log have its name as a label, and nothing is added up", async () => {
  const states = new Map([
    ["a", served(true, true, 2)],
    ["b", served(false, true, 5)],
    ["c", failed("checkpoint_missing")],
  ]);
  const metrics = metricsOf(
    () => states,
    () => 7,
  );
  for (const again of ["first", "second"]) {
    const text = await metrics.text();
    expect(text.match(/^# TYPE events_total counter$/gm), again).toHaveLength(1);
    expect(text).toContain('events_total{how="delivered",log="a"} 2\n');
    expect(text).toContain('events_total{how="delivered",log="b"} 5\n');
    expect(text).toContain('runner_relay_log_up{log="b"} 0\n');
    expect(text).toContain('runner_relay_logs{state="failed"} 1\n');
    expect(text).toContain("runner_relay_log_lines_dropped_total 7\n");
  }
});
