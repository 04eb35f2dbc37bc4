import { startCoordinator, type TestCoordinator } from "../support/coordinator.ts";
import { dataFolder, runCli, startUp, type Up } from "../support/up.ts";
import type { ReadyInfo } from "../../src/cli/up/kept.ts";
import type { StatusJson } from "../../src/operate/status-json.ts";

/** `up` with a coordinator whose outages a test scripts. */
export type Stage = ReadyInfo & {
  /** Origin of the status page. */
  console: string;
  coordinator: string;
  scripted: TestCoordinator;
  up: Up;
  /** Sends one event as an executor; the gateway's status. */
  event(session: string, body?: Record<string, unknown>): Promise<number>;
  status(): Promise<StatusJson>;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startStage(): Promise<Stage> {
  await using scope = new AsyncDisposableStack();
  const scripted = scope.use(await startCoordinator({ autoCreateSessions: true }));
  const folder = scope.use(await dataFolder());
  const up = startUp(folder.path, {
    args: ["--coordinator", scripted.url],
    also: ["console"],
    env: { RUNNER_RELAY_LOG_LEVEL: "warn", RUNNER_RELAY_RELAY: "relay-1" },
  });
  scope.defer(async () => void (await up.stop()));
  const ready = await up.ready();
  const kept = scope.move();
  return {
    ...ready,
    console: new URL(ready.page ?? "").origin,
    coordinator: scripted.url,
    scripted,
    up,
    async event(session, body = {}) {
      const answer = await fetch(`${ready.gateway}/events`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Prefer: "respond-async" },
        body: JSON.stringify({
          session_id: session,
          event_type: "message",
          timestamp: new Date().toISOString(),
          role: "assistant",
          content: [{ type: "text", text: "hello" }],
          ...body,
        }),
      });
      await answer.arrayBuffer();
      return answer.status;
    },
    async status() {
      const { stdout, stderr } = await runCli(["status", "--json", "--data", up.dataDir]);
      if (stdout === "") throw new Error(stderr);
      return JSON.parse(stdout) as StatusJson;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
