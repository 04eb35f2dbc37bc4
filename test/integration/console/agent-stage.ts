import type { Agent } from "../../../src/agents/agent.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import type { Session } from "../../../src/shared/session-log/registry/entry.ts";
import { requestTurn } from "../../../src/shared/session-log/turns/request.ts";
import { createPresence } from "../../../src/worker/roots/presence.ts";
import { startWorker } from "../../../src/worker/worker.ts";
import { anyFolder } from "../../support/agent-home.ts";
import { startTestConsole, type TestConsole } from "../../support/console.ts";
import { registry, sessionsBroker, workerHome, type Registry } from "../session-log/harness.ts";

/** A console beside a worker whose agent asks before each turn, and ends it with what it was told. */
export type AgentStage = {
  console: TestConsole;
  client: Registry;
  /** What each question was answered with. */
  allowed: boolean[];
  make(id: string): Promise<Session>;
  ask(session: Session, turn: string, input?: string): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

const HOSTILE = `<img src=x onerror=alert(1)> \u202e"'&`;

export async function startAgentStage(): Promise<AgentStage> {
  await using scope = new AsyncDisposableStack();
  const broker = scope.use(await sessionsBroker());
  const ending = new AbortController();
  scope.defer(() => ending.abort());
  const client = await registry(broker, ending.signal);
  const allowed: boolean[] = [];
  const agent: Agent = {
    async run({ request }, events) {
      events.tell("text", { text: `I was asked: ${String(request["user_input"])}` });
      const { allow } = await events.ask({ tool_name: "Bash", input: { command: `rm -rf ${HOSTILE}` } });
      allowed.push(allow);
      return { outcome: "finished", data: { allow } };
    },
  };
  const deps = await workerHome(broker, ending.signal);
  createPresence(deps, { worker: "worker-1", roots: ["root"] });
  const worker = startWorker(deps, { name: "worker-1", ...anyFolder(agent), maxBytes: 1e9 });
  scope.defer(() => worker.stop());
  const console = scope.use(await startTestConsole(broker));
  const kept = scope.move();
  return {
    console,
    client,
    allowed,
    async make(id) {
      const record = { workspace_dir: `/srv/${HOSTILE}` };
      return (await createSession(client, { user: "ann", id, kind: "worker", record })).session;
    },
    async ask(session, turn, input = HOSTILE) {
      await requestTurn(client, session, turn, Buffer.from(JSON.stringify({ user_input: input })));
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
