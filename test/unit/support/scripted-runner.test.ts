import { expect, test } from "vitest";
import { startCoordinator, type TestCoordinator } from "../../support/coordinator.ts";
import { eventually } from "../../support/eventually.ts";
import {
  startScriptedRunner,
  type HandedRun,
  type Executor,
  type ScriptedRunner,
} from "../../support/scripted-runner.ts";

const POLL = "^/runner/runs$";

/** Agents that do nothing until they are ended. */
function idle(): {
  execute: (run: HandedRun) => Executor;
  agents: Map<string, PromiseWithResolvers<void>>;
} {
  const agents = new Map<string, PromiseWithResolvers<void>>();
  return {
    agents,
    execute({ session_id }) {
      const agent = Promise.withResolvers<void>();
      agents.set(session_id, agent);
      return { ended: agent.promise, stop: async () => {} };
    },
  };
}

function reports(coordinator: TestCoordinator): string[] {
  return coordinator
    .writes()
    .filter(({ path }) => path.startsWith("/runner/runs/") || path.startsWith("/runners/"))
    .map(({ path, status }) => `${path.split("/").at(-1)} ${status}`);
}

async function died(runner: ScriptedRunner): Promise<string | undefined> {
  await eventually(() => expect(runner.died()).toBeDefined());
  return runner.died();
}

test.concurrent("three failed polls in a row end it, after pauses of 1 s and 2 s; its agents are reported, and it does not deregister", async () => {
  await using coordinator = await startCoordinator({ pollMs: 100 });
  await using runner = await startScriptedRunner(coordinator.url, idle());
  coordinator.createSession();
  await eventually(() => expect(reports(coordinator)).toEqual(["started 200"]));
  coordinator.faults.set([{ path: POLL, action: { kind: "status", status: 503, body: { detail: "no" } } }]);
  expect(await died(runner)).toMatch(/^poll: 503/);
  await eventually(() => expect(reports(coordinator)).toEqual(["started 200", "stopped 200"]));
  expect(runner.failures.map(({ count }) => count)).toEqual([1, 2, 3]);
  const [first = 0, second = 0, third = 0] = runner.failures.map(({ at }) => at);
  expect(second - first).toBeGreaterThanOrEqual(990);
  expect(third - second).toBeGreaterThanOrEqual(1990);
});

test.concurrent("a finished poll resets the count, and failed heartbeats count for nothing", async () => {
  await using coordinator = await startCoordinator({ pollMs: 50 });
  await using runner = await startScriptedRunner(coordinator.url, { heartbeatMs: 20 });
  coordinator.faults.set([
    { path: "/runner/heartbeat", action: { kind: "status", status: 500 } },
    { path: POLL, action: { kind: "sequence", statuses: [500, 500, 0, 500, 500, 0] } },
  ]);
  await eventually(() => expect(runner.failures.length).toBe(4));
  const before = runner.polled.length;
  await eventually(() => expect(runner.polled.length).toBeGreaterThan(before));
  expect(runner.failures.map(({ count }) => count)).toEqual([1, 2, 1, 2]);
  expect(runner.died()).toBeUndefined();
});

test.concurrent("it registers once", async () => {
  await using coordinator = await startCoordinator();
  coordinator.faults.set([{ path: "/runner/register", times: 1, action: { kind: "status", status: 503 } }]);
  await expect(startScriptedRunner(coordinator.url)).rejects.toThrow(/register: 503/);
});

test.concurrent("a report is not repeated", async () => {
  await using coordinator = await startCoordinator();
  coordinator.faults.set([{ path: "/started$", times: 1, action: { kind: "status", status: 503 } }]);
  await using runner = await startScriptedRunner(coordinator.url, idle());
  coordinator.createSession();
  await eventually(() => expect(runner.lostReports).toEqual([expect.stringMatching(/started: 503/)]));
  await runner.stop();
  expect(reports(coordinator)).toEqual(["started 503", "stopped 200", `${runner.id} 200`]);
});

test.concurrent("an agent that ends is reported as completed, one that is to stop as stopped", async () => {
  await using coordinator = await startCoordinator();
  const { execute, agents } = idle();
  await using runner = await startScriptedRunner(coordinator.url, { execute });
  const one = coordinator.createSession();
  const other = coordinator.createSession();
  const statuses = (): unknown[] =>
    [one, other].map(({ runId }) => coordinator.state.runs.get(runId)?.status);
  await eventually(() => expect(statuses()).toEqual(["running", "running"]));
  agents.get(one.sessionId)?.resolve();
  await fetch(`${coordinator.url}/runs/${other.runId}/stop`, { method: "POST" });
  await eventually(() => expect(statuses()).toEqual(["completed", "stopped"]));
  expect(runner.died()).toBeUndefined();
});

test.concurrent("a runner that others deregister ends", async () => {
  await using coordinator = await startCoordinator();
  await using runner = await startScriptedRunner(coordinator.url);
  await fetch(`${coordinator.url}/runners/${runner.id}`, { method: "DELETE" });
  expect(await died(runner)).toBe("deregistered");
});
