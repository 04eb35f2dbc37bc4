import { jetstreamManager } from "@nats-io/jetstream";
import { expect } from "vitest";
import { deadLetters, type DeadLetter } from "../../../src/shared/log/state/dead-letters.ts";
import { readDepartures, type Departure } from "../../../src/shared/log/state/departure.ts";
import { pollThrough } from "../../support/runner-poll.ts";
import { type TestCoordinator } from "../../support/coordinator.ts";
import { type Stack } from "./stack.ts";

const POST = { method: "POST", headers: { "content-type": "application/json" } };

const REGISTRATION = {
  hostname: "host-1",
  project_dir: "/p",
  executor_profile: "coding",
  executor: { type: "autonomous", command: "x", config: {} },
};

export const QUICK = { silentMs: 1500, homeWithinMs: 3000 };

/** What a runner and its executors do through a stack, call by call. */
export function runnerAt({ url, broker }: Pick<Stack, "url" | "broker">): {
  post(path: string, body: unknown): Promise<Response>;
  register(): Promise<string>;
  /** A run that it took and started. */
  take(runner: string): Promise<string>;
  event(session: string, n: number): Promise<number>;
  leave(runner: string): Promise<Response>;
  leaving(): Promise<Departure[]>;
  letters(session: string): Promise<DeadLetter[]>;
} {
  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(url + path, { ...POST, body: JSON.stringify(body) });
  const manager = async (): ReturnType<typeof jetstreamManager> =>
    jetstreamManager(await broker.connect("operator"), { checkAPI: false });
  const jsm = manager();
  return {
    post,
    async register() {
      const answer = await post("/runner/register", REGISTRATION);
      expect(answer.status).toBe(200);
      return ((await answer.json()) as { runner_id: string }).runner_id;
    },
    async take(runner) {
      const answer = await pollThrough(url, runner);
      const { run } = (await answer.json()) as { run: { run_id: string } };
      const started = await post(`/runner/runs/${run.run_id}/started`, { runner_id: runner });
      expect(started.ok).toBe(true);
      return run.run_id;
    },
    event: async (session, n) =>
      (await post("/events", { session_id: session, event_type: "message", timestamp: `t${n}` })).status,
    leave: (runner) => fetch(`${url}/runners/${runner}?self=true`, { method: "DELETE" }),
    leaving: async () => readDepartures(await jsm),
    async letters(session) {
      const found: DeadLetter[] = [];
      for await (const letter of deadLetters(await jsm, session)) found.push(letter);
      return found;
    },
  };
}

/** Calls that the coordinator took, in order: method and path. */
export function taken(coordinator: TestCoordinator): string[] {
  return coordinator
    .ledger()
    .filter(({ method, status }) => method !== "GET" && status < 300)
    .map(({ method, path }) => `${method} ${path}`);
}

export async function outage(
  coordinator: TestCoordinator,
  runner: ReturnType<typeof runnerAt>,
  session: string,
): Promise<void> {
  await coordinator.stop();
  await expect.poll(() => runner.event(session, 0)).toBe(202);
}
