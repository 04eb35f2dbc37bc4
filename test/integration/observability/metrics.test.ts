import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test, type TestContext } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { parse } from "yaml";
import { metricsOf } from "../../../src/relay/logs/standing.ts";
import { ERRORS } from "../../../src/shared/base/errors.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { findDebianTool, type FoundTool } from "../../support/debian-tool.ts";
import { dataFolder, startUp } from "../../support/up.ts";

const DEPLOY = resolve(import.meta.dirname, "../../../deploy");
const run = promisify(execFile);

/** What both endpoints say after a delivery, a retry, a refusal and a passed-through request. */
let texts: { gateway: string; relay: string };
/** The relay's in an outage in which two events wait. */
let inOutage: string;
let promtool: FoundTool;

/** A family of metrics, as its `# TYPE` line has it. */
type Family = { name: string; type: string; help: string };

beforeAll(async () => {
  promtool = await findDebianTool({ package: "prometheus", file: "usr/bin/promtool" });
  await using folder = await dataFolder();
  await using coordinator = await startCoordinator();
  for (const session of ["s1", "s2"]) coordinator.createSession(session);
  coordinator.faults.set([
    { method: "POST", path: "/events$", times: 1, action: { kind: "status", status: 503 } },
    {
      method: "POST",
      path: "/events$",
      body: "poison",
      action: { kind: "status", status: 422, body: { detail: "no" } },
    },
  ]);
  const up = startUp(folder.path, { args: ["--coordinator", coordinator.url] });
  const { gateway, relay } = await up.ready();
  // before that it answers 202 at once, whatever is preferred
  await eventually(async () =>
    expect(await (await fetch(`${gateway}/_relay/ready`)).json()).toMatchObject({
      dependencies: { relay: { state: "up" }, coordinator: { state: "up" } },
    }),
  );
  const post = (body: string, headers: Record<string, string> = {}, session = "s1"): Promise<Response> =>
    fetch(`${gateway}/sessions/${session}/events`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    });
  const event = (marker: string, session = "s1"): string =>
    JSON.stringify({
      session_id: session,
      event_type: "message",
      timestamp: "2026-01-01T00:00:00Z",
      marker,
    });
  await post("not JSON");
  const patient = { prefer: "wait=20" };
  await post(event("good"), patient);
  // the executor sees the refusal; the other session may count as waiting for a moment after its retry
  await post(event("poison", "s2"), patient, "s2");
  await post(event("poison"), { prefer: "respond-async" });
  await fetch(`${gateway}/sessions/s1/status`);
  texts = await eventually(async () => {
    const read = async (url: string): Promise<string> => (await fetch(url)).text();
    const found = { gateway: await read(`${gateway}/_relay/metrics`), relay: await read(`${relay}/metrics`) };
    expect(found.relay).toContain('runner_relay_events_settled_total{how="dead"} 2');
    return found;
  });
  ofSeveralLogs = await metricsOf(
    () => new Map([["leaf1", { phase: "starting", since: 0 }]]),
    () => 0,
  ).text();
  await coordinator.stop();
  for (const marker of ["first", "second"]) await post(event(marker), { prefer: "respond-async" });
  inOutage = await eventually(async () => {
    const text = await (await fetch(`${relay}/metrics`)).text();
    expect(text).toContain('runner_relay_coordinator_state{state="breaker_open"} 1');
    expect(text).toMatch(/^runner_relay_backlog_events 2$/m);
    return text;
  });
  await up.stop();
});

/** A test that needs promtool says where there is none. */
async function withPromtool(context: TestContext, work: (path: string) => Promise<void>): Promise<void> {
  if ("missing" in promtool) await context.annotate(`not run: ${promtool.missing}`, "notice");
  else await work(promtool.path);
}

function familiesOf(text: string): Family[] {
  return [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\w+)$/gm)].map(
    ([, name = "", help = "", type = ""]) => ({
      name,
      help,
      type,
    }),
  );
}

function families(): Family[] {
  return [...familiesOf(texts.gateway), ...familiesOf(texts.relay)];
}

/** What a relay of several logs serves beside the metrics of each. */
let ofSeveralLogs: string;

/** Names as queries use them. */
function seriesNames(): Set<string> {
  return new Set(
    [...families(), ...familiesOf(ofSeveralLogs)].flatMap(({ name, type }) =>
      type === "histogram" ? ["_bucket", "_sum", "_count"].map((end) => name + end) : [name],
    ),
  );
}

function value(text: string, series: string): number {
  const line = text.split("\n").find((it) => it.startsWith(`${series} `));
  if (line === undefined) throw new Error(`no ${series} in\n${text}`);
  return Number(line.slice(series.length + 1));
}

test("promtool has nothing against the metrics", (context) =>
  withPromtool(context, async (path) => {
    for (const text of Object.values(texts)) {
      const child = spawn(path, ["check", "metrics"], { stdio: ["pipe", "pipe", "pipe"] });
      let said = "";
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
      child.stdin.end(text);
      const [code] = (await once(child, "close")) as [number];
      expect(said).toBe("");
      expect(code).toBe(0);
    }
  }));

test("names say what is counted and in which unit; labels come from fixed lists", () => {
  expect(families().length).toBeGreaterThan(30);
  for (const { name, type, help } of families()) {
    expect(name).toMatch(/^runner_relay_[a-z0-9_]+$/);
    expect(help, name).toMatch(/^[A-Z0-9].{9,}[^.]$/);
    expect(name.endsWith("_total"), `${name} is a ${type}`).toBe(type === "counter");
    expect(name).not.toMatch(/(?:_ms|millis|_kb|_mb|_minutes|_hours|_percent)(?:_|$)/);
    if (/duration|age|latency|expires/.test(name)) expect(name).toContain("seconds");
  }
  const names = families().map(({ name }) => name);
  expect(new Set(names).size, "no name at both, or both would be summed").toBe(names.length);
  const lists: Record<string, readonly string[]> = {
    code: Object.keys(ERRORS),
    kind: ["accepted", "coordinator"],
    reason: ["no_relay", "coordinator_away", "coordinator_paused", "backlog", "parked", "paused"],
    mode: ["singles", "batch"],
    how: ["delivered", "superseded", "dead", "gone"],
    verdict: ["delivered", "retry", "dead", "unauthorized", "unregistered", "pause"],
    answered: ["true", "false"],
    what: ["answer", "request", "frame"],
    requests: ["in_flight", "allowed", "bound"],
    result: ["known", "nothing_kept", "refused", "unanswered"],
    answer: ["poll", "heartbeat", "register", "leave", "run", "stop"],
    state: ["up", "checking", ...Object.keys(ERRORS)],
  };
  for (const text of Object.values(texts)) {
    for (const [, label = "", shown = ""] of text.matchAll(/[{,](\w+)="([^"]*)"/g)) {
      if (label === "le") continue;
      expect(Object.keys(lists)).toContain(label);
      expect(lists[label]).toContain(shown);
    }
  }
});

test("the numbers are right", () => {
  const { gateway, relay } = texts;
  expect(value(gateway, "runner_relay_gateway_writes_accepted_total")).toBe(3);
  expect(value(gateway, 'runner_relay_gateway_refused_total{code="body_invalid_json"}')).toBe(1);
  expect(value(gateway, "runner_relay_gateway_passed_requests_total")).toBe(1);
  expect(value(gateway, "runner_relay_gateway_durable"), "HONEST-1").toBe(1);
  expect(value(gateway, "runner_relay_gateway_log_up")).toBe(1);
  expect(value(relay, 'runner_relay_events_settled_total{how="delivered"}')).toBe(1);
  expect(value(relay, 'runner_relay_attempts_total{verdict="retry"}')).toBe(1);
  expect(value(relay, 'runner_relay_attempts_total{verdict="delivered"}')).toBe(1);
  expect(value(relay, 'runner_relay_attempts_total{verdict="dead"}')).toBe(2);
  expect(value(relay, "runner_relay_attempt_duration_seconds_count")).toBe(4);
  expect(value(relay, 'runner_relay_events_dead_lettered_total{answered="true"}')).toBe(1);
  expect(value(relay, 'runner_relay_events_dead_lettered_total{answered="false"}')).toBe(1);
  expect(value(relay, "runner_relay_dead_letters")).toBe(2);
  expect(value(relay, "runner_relay_log_events")).toBe(3);
  expect(value(relay, "runner_relay_log_bytes")).toBeGreaterThan(500);
  expect(value(relay, "runner_relay_log_limit_bytes")).toBeGreaterThan(
    value(relay, "runner_relay_log_bytes"),
  );
  expect(value(relay, "runner_relay_backlog_events")).toBe(0);
  expect(value(relay, "runner_relay_oldest_unsettled_age_seconds")).toBe(0);
  expect(value(relay, 'runner_relay_coordinator_state{state="up"}')).toBe(1);
  expect(value(relay, 'runner_relay_coordinator_state{state="breaker_open"}')).toBe(0);
});

test("an outage shows: why nothing is sent, what waits, and for how long", () => {
  expect(value(inOutage, "runner_relay_coordinator_up")).toBe(0);
  expect(value(inOutage, 'runner_relay_coordinator_state{state="up"}')).toBe(0);
  expect(value(inOutage, "runner_relay_backlog_events")).toBe(2);
  const age = value(inOutage, "runner_relay_oldest_unsettled_age_seconds");
  expect(age).toBeGreaterThan(0);
  expect(age, "seconds").toBeLessThan(180);
});

type Rules = { groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[] };

/** Names of ours in an expression, and those of functions and labels left out. */
function namesIn(expression: string): string[] {
  return [...expression.matchAll(/\brunner_relay_\w+/g)].map(([name]) => name);
}

test("every metric that an alert names exists, and each says what to do", () => {
  const { groups } = parse(readFileSync(join(DEPLOY, "prometheus/alerts.yml"), "utf8")) as Rules;
  const rules = groups.flatMap((group) => group.rules);
  expect(rules.length).toBeGreaterThan(10);
  const page = readFileSync(resolve(DEPLOY, "../docs/operations/metrics.md"), "utf8");
  for (const { alert, expr, annotations } of rules) {
    for (const name of namesIn(expr)) expect(seriesNames(), alert).toContain(name);
    expect(annotations["summary"], alert).toMatch(/\S{3}/);
    expect(annotations["action"]?.length, alert).toBeGreaterThan(30);
    expect(page, "docs/operations/metrics.md explains it").toContain(`\`${alert}\``);
  }
});

test("every metric that the dashboard names exists, and each panel asks for something", () => {
  type Panel = { type: string; title: string; targets?: { expr: string }[] };
  const { panels } = JSON.parse(readFileSync(join(DEPLOY, "grafana/runner-relay.json"), "utf8")) as {
    panels: Panel[];
  };
  const shown = panels.filter(({ type }) => type !== "row");
  expect(shown.length).toBeGreaterThan(15);
  for (const { title, targets = [] } of shown) {
    const names = targets.flatMap(({ expr }) => namesIn(expr));
    expect(names.length, title).toBeGreaterThan(0);
    for (const name of names) expect(seriesNames(), title).toContain(name);
  }
});

test("promtool takes the alert rules and their tests, and understands the dashboard's queries", (context) =>
  withPromtool(context, async (path) => {
    const cwd = join(DEPLOY, "prometheus");
    expect((await run(path, ["check", "rules", "alerts.yml"], { cwd })).stdout).toContain("SUCCESS");
    expect((await run(path, ["test", "rules", "alerts.test.yml"], { cwd })).stdout).toContain("SUCCESS");
    expect((await run(path, ["check", "config", "scrape.yml"], { cwd })).stdout).toContain("SUCCESS");
    const dashboard = readFileSync(join(DEPLOY, "grafana/runner-relay.json"), "utf8");
    const queries = [...dashboard.matchAll(/"expr": ("(?:[^"\\]|\\.)*")/g)].map(([, text = ""]) =>
      (JSON.parse(text) as string).replaceAll("$__rate_interval", "1m"),
    );
    const folder = await mkdtemp(join(tmpdir(), "rr-rules-"));
    try {
      const rules = queries.map((expr, i) => ({ record: `dashboard:${i}`, expr }));
      await writeFile(join(folder, "d.yml"), JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
      expect((await run(path, ["check", "rules", join(folder, "d.yml")])).stdout).toContain("SUCCESS");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }));
