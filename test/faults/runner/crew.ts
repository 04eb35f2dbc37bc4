import { setTimeout as delay } from "node:timers/promises";
import type { TestCoordinator } from "../../support/coordinator.ts";
import { startScriptedAgent, type ScriptedAgent } from "../../support/scripted-agent.ts";
import { startScriptedRunner, type ScriptedRunner } from "../../support/scripted-runner.ts";

/** A run of the play and its session. */
export type Job = { runId: string; sessionId: string };

/** A scripted runner whose agents send events all the while. */
export type Crew = {
  runner: ScriptedRunner;
  /** By session; an agent stays here when it has ended. */
  agents: ReadonlyMap<string, ScriptedAgent>;
  /** Makes runs at the coordinator; returns when each has its agent, or the runner died, or after a while. */
  give(count: number): Promise<Job[]>;
  /** Has the agents of these runs end with a result; the runner reports each as completed. */
  finish(jobs: readonly Job[]): void;
  /** Waits for this time, or until the runner dies. */
  pause(ms: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** What gateways of a play write into binds; the scripted runner registers the same. */
export const IDENTITY = { RUNNER_RELAY_HOSTNAME: "host-1", RUNNER_RELAY_PROFILE: "coding" };

const GIVEN_MS = 60_000;
const LOOK_MS = 20;
/** Between two events of one agent. */
const EVERY_MS = 100;

export async function startCrew(coordinator: TestCoordinator, url: string): Promise<Crew> {
  const agents = new Map<string, ScriptedAgent>();
  const runner = await startScriptedRunner(url, {
    execute({ session_id }) {
      const agent = startScriptedAgent(url, session_id, EVERY_MS);
      agents.set(session_id, agent);
      return agent;
    },
  });

  return {
    runner,
    agents,
    async give(count) {
      const jobs = Array.from({ length: count }, () => coordinator.createSession());
      const given = (): boolean => jobs.every(({ sessionId }) => agents.has(sessionId));
      await until(() => given() || runner.died() !== undefined, GIVEN_MS);
      return jobs;
    },
    finish(jobs) {
      for (const { sessionId } of jobs) agents.get(sessionId)?.finish();
    },
    pause: async (ms) => void (await until(() => runner.died() !== undefined, ms)),
    [Symbol.asyncDispose]: () => runner[Symbol.asyncDispose](),
  };
}

/** Waits for a condition; whether it came within the limit. */
export async function until(done: () => boolean, limitMs: number): Promise<boolean> {
  const end = Date.now() + limitMs;
  while (!done() && Date.now() < end) await delay(LOOK_MS);
  return done();
}
