import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { bareEnv } from "../../support/bare-env.ts";
import { mainOf } from "../../support/bundle/main-of.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { eventually } from "../../support/eventually.ts";
import { dataFolder, startUp, type Up } from "../../support/up.ts";
import { callTool, newClient, type Result } from "./clients.ts";

/** A `sync` call by the official client, through the real gateway and relay, while the coordinator is away for a time and the gateway is killed and restarted. */
export async function throughOutage(
  awayMs: number,
): Promise<{ result: Result; said: string[]; tookMs: number }> {
  await using scope = new AsyncDisposableStack();
  const folder = scope.use(await dataFolder());
  const coordinator = scope.use(await startCoordinator());
  const up = startUp(folder.path, { args: ["--no-sessions", "--coordinator", coordinator.url] });
  scope.defer(async () => void (await up.stop()));
  await up.ready();
  const client = newClient("legacy");
  const env = { ...bareEnv(), RUNNER_RELAY_DATA: up.dataDir };
  const args = [mainOf("cli"), "mcp"];
  await client.connect(new StdioClientTransport({ command: process.execPath, args, env }));
  scope.defer(() => client.close());

  const said: string[] = [];
  const startedAt = performance.now();
  const wanted = { parameters: { prompt: "p" } };
  const call = callTool(client, "start_agent_session", wanted, ({ message }) => said.push(message ?? ""));
  call.catch(() => undefined); // awaited below
  await eventually(() => {
    if (!said.includes("the run is pending")) throw new Error("the run is not seen yet");
  });
  await coordinator.stop();
  killGateway(up);
  await delay(awayMs);
  await eventually(() => {
    if (!said.some((text) => text.startsWith("the coordinator is away"))) throw new Error("not told yet");
  });
  finishNewest(coordinator.state);
  await coordinator.start();
  return { result: await call, said, tookMs: performance.now() - startedAt };
}

/** `up` starts it again. */
function killGateway(up: Up): void {
  const [gateway] = up
    .processes()
    .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("gateway/main"));
  if (gateway === undefined) throw new Error("there is no gateway");
  process.kill(gateway, "SIGKILL");
}

type State = Awaited<ReturnType<typeof startCoordinator>>["state"];

function finishNewest(state: State): void {
  const run = state.runs.list().at(-1);
  if (run === undefined) throw new Error("there is no run");
  const { session_id } = run;
  const result = { session_id, event_type: "result", timestamp: "t", result_text: "after the outage" };
  state.sessions.addEvent(session_id, result);
  state.setStatus(session_id, "finished");
  state.runs.setStatus(run, "completed");
}
