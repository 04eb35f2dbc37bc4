import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startCoordinator, type TestCoordinator } from "../../support/coordinator.ts";
import { startExecutor, type ExecutorStart, type StartedExecutor } from "../../support/executor.ts";
import { startLineAgent, type LineAgent } from "../../support/line-agent.ts";
import { dataFolder, startUp, type Up } from "../../support/up.ts";

/** Gateway, relay and broker as processes, before a coordinator and an agent that a test plays. */
export type World = AsyncDisposable & {
  coordinator: TestCoordinator;
  agent: LineAgent;
  up: Up;
  gateway: string;
  /** Folder in which executors run, and keep what is theirs. */
  folder: string;
  start(
    args: readonly string[],
    invocation: object | string | Uint8Array,
    of?: Partial<ExecutorStart>,
  ): StartedExecutor;
  /** Writes of a session that reached the coordinator, in a few words. */
  told(session: string): string[];
};

export async function openWorld(): Promise<World> {
  await using scope = new AsyncDisposableStack();
  const home = scope.use(await dataFolder());
  const coordinator = scope.use(await startCoordinator());
  const agent = scope.use(await startLineAgent());
  const up = startUp(home.path, { args: ["--coordinator", coordinator.url] });
  scope.defer(() => void up.stop());
  const { gateway } = await up.ready();
  const folder = join(home.path, "work");
  mkdirSync(folder);
  const env = { RUNNER_RELAY_AGENT_HTTP_URL: agent.url, RUNNER_RELAY_DATA: join(home.path, "executors") };
  const ending = scope.move();
  return {
    coordinator,
    agent,
    up,
    gateway,
    folder,
    start: (args, invocation, of = {}) =>
      startExecutor({ args, url: gateway, cwd: folder, ...of, env: { ...env, ...of.env } }, invocation),
    told: (session) =>
      coordinator.writes(session).map(({ path, body }) => plainly(path, JSON.parse(body ?? "{}") as Body)),
    [Symbol.asyncDispose]: () => ending.disposeAsync(),
  };
}

type Body = Record<string, unknown>;

function plainly(path: string, body: Body): string {
  const route = path.split("/").at(-1);
  const {
    event_type: type,
    role,
    content,
    tool_output: output,
    error,
    result_text: text,
    result_data: data,
  } = body;
  if (type === "message") return `${String(role)}: ${(content as { text: string }[])[0]?.text}`;
  if (type === "post_tool")
    return `${String(body["tool_name"])}: ${String(output)}${error === null ? "" : ` (${error as string})`}`;
  if (type === "result") return `result ${typeof text === "string" ? text : JSON.stringify(data)}`;
  return route === "bind" ? `bind ${String(body["executor_session_id"])}` : String(route);
}
