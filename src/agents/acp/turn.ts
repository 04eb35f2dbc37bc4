import type { AgentProcess } from "../agent.ts";
import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import { programFailure } from "../failure.ts";
import { openRpc, RpcError, type Params, type Rpc } from "../json-rpc.ts";
import { RunnerUnavailableError, type Asked, type RunnerSession } from "../port.ts";
import type { Running } from "../running.ts";
import { beforeAsking, nameOf, newPrompt, NEW_READING, readUpdate, type ToolUse } from "./updates.ts";

/** The version of the protocol that we speak: the stable one. */
const PROTOCOL = 1;
/** How long an agent has to end its turn after a cancel, before it is asked to end itself, and then, before it is killed. 0.5 + 0.4 s: a stop is over within a second. */
const CANCEL_MS = 500;
const END_MS = 400;
/** What an error of an agent means that wants its user to log in. */
const AUTH_REQUIRED = -32_000;

/** What the settings say about an agent that speaks the Agent Client Protocol. */
export type AcpConfig = {
  /** The command and its arguments. */
  command: readonly [string, ...string[]];
  env: Readonly<Record<string, string>>;
};

const CANCELLED = { outcome: "cancelled" };

export type AcpDeps = { config: AcpConfig; clock: Clock };

/** Runs a turn with an agent's program of its own. */
export function beginTurn({ config, clock }: AcpDeps, session: RunnerSession, prompt: string): Running {
  let child: AgentProcess | undefined;
  let live: { rpc: Rpc; sessionId: string } | undefined;
  let reading = NEW_READING;
  let stopped = false;
  /** What a loaded session tells of its past is in the log already. */
  let isPast = true;
  let answered = false;
  /** What the user says while the agent works: the protocol has no way to say it at once, so it comes behind the answer, as a prompt of its own in the same turn. */
  const unheard: string[] = [];
  const over = Promise.withResolvers<void>();
  over.promise.catch(() => undefined); // also if nobody stops the turn, and waits for it

  function say([next, reports]: ReturnType<typeof readUpdate>): void {
    reading = next;
    for (const it of reports) session.emit(it);
  }

  async function notified(method: string, params: Params): Promise<void> {
    if (method !== "session/update" || isPast) return;
    say(readUpdate(reading, (params["update"] ?? {}) as Params));
    await session.room();
  }

  function asked(method: string, params: Params): Promise<object> | undefined {
    return method === "session/request_permission" ? permission(params) : undefined;
  }

  async function permission({ toolCall, options }: Params): Promise<object> {
    const call = (toolCall ?? {}) as Params;
    say(beforeAsking(reading, call));
    const { allow } = await session.ask(wishOf(call, reading.tools.get(String(call["toolCallId"]))));
    return { outcome: stopped ? CANCELLED : outcomeOf(allow, options) };
  }

  async function talk(rpc: Rpc, sessionId: string): Promise<void> {
    for (let text: string | undefined = prompt; text !== undefined; text = unheard.shift()) {
      reading = newPrompt(reading);
      const asks = { sessionId, prompt: [{ type: "text", text }] };
      const { stopReason, usage } = await rpc.request("session/prompt", asks);
      if (usage !== undefined) session.emit({ type: "metadata", key: "tokens", value: usage });
      session.emit({ type: "output", output: { kind: "iteration", stopReason: String(stopReason) } });
      const goesOn = stopReason === "end_turn" && unheard.length > 0 && !stopped;
      if (goesOn) continue;
      answered = true;
      return finish(session, { stopReason, answer: reading.answer.text, unheard });
    }
  }

  async function run(): Promise<void> {
    let rpc: Rpc | undefined;
    let failure: unknown;
    try {
      if (stopped) return;
      const [file, ...args] = config.command;
      child = await session.spawn({ file, args, env: config.env });
      rpc = openRpc(child, { notified, asked }, { jsonrpc: "2.0" });
      void rpc.over.then(over.resolve, over.reject);
      const sessionId = await open(rpc, session);
      live = { rpc, sessionId };
      if (stopped) return;
      isPast = false;
      await talk(rpc, sessionId);
    } catch (error) {
      if (rpc === undefined && !stopped) throw error;
      failure = error;
    } finally {
      over.resolve();
      child?.stdin.end();
      child?.stop();
      await child?.ended; // what it says on stderr may come last
    }
    if (failure !== undefined && !stopped) throw failureOf(failure, rpc?.stderr() ?? "");
  }

  return {
    over: run(),
    async input(text) {
      if (answered) throw new Error("the agent has answered already");
      unheard.push(text);
    },
    async stop() {
      stopped = true;
      if (live !== undefined) live.rpc.notify("session/cancel", { sessionId: live.sessionId });
      const cancel = clock.after(CANCEL_MS, () => over.resolve());
      await over.promise.catch(() => undefined);
      cancel();
      child?.stop(END_MS);
      return (await child?.ended)?.code ?? null;
    },
  };
}

/** Introduces us, and opens the conversation; returns its id. */
async function open(rpc: Rpc, session: RunnerSession): Promise<string> {
  const { agentCapabilities, agentInfo } = await rpc.request("initialize", {
    protocolVersion: PROTOCOL,
    // files and terminals are the agent's own: it works in the workspace, as our user
    clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
  });
  const { loadSession } = (agentCapabilities ?? {}) as { loadSession?: unknown };
  const threadId = await openSession(rpc, session, loadSession === true);
  const { title, name } = (agentInfo ?? {}) as { title?: unknown; name?: unknown };
  const shown = title ?? name;
  session.emit({ type: "header", threadId, ...(typeof shown === "string" ? { title: shown } : {}) });
  return threadId;
}

/** Says how the turn ended, and with what. */
function finish(
  session: RunnerSession,
  { stopReason, answer, unheard }: { stopReason: unknown; answer: string; unheard: readonly string[] },
): void {
  if (stopReason === "cancelled") return;
  for (const text of unheard) {
    const message = `the agent ended its turn (${String(stopReason)}) before it heard: ${text.slice(0, 200)}`;
    session.emit({ type: "error", code: "INPUT_REFUSED", message, recoverable: true });
  }
  if (stopReason === "refusal")
    return session.emit({ type: "error", code: "ACP_REFUSAL", message: "the model refuses to answer" });
  session.emit({ type: "output", output: { kind: "final", text: answer } });
  const reason = stopReason === "end_turn" ? {} : { reason: reasonOf(stopReason) };
  session.emit({ type: "awaiting_input", ...reason });
}

/** Loads the session's conversation where the agent can, or begins one: that it was lost is said. */
async function openSession(rpc: Rpc, session: RunnerSession, canLoad: boolean): Promise<string> {
  const { threadId, workspace = "/", options } = session;
  const place = { cwd: workspace, mcpServers: mcpServers(options["mcp_servers"]) };
  if (threadId !== undefined) {
    const lost = canLoad
      ? await rpc.request("session/load", { sessionId: threadId, ...place }).then(
          () => undefined,
          (error: unknown) => {
            if (!(error instanceof RpcError)) throw error;
            return error.message;
          },
        )
      : "it cannot load sessions";
    if (lost === undefined) return threadId;
    const message = `the agent does not know the conversation any more, and begins a new one: ${lost}`;
    session.emit({ type: "error", code: "THREAD_LOST", message, recoverable: true });
  }
  const { sessionId } = await rpc.request("session/new", place);
  if (typeof sessionId !== "string") throw new Error("the agent answered without a session id");
  return sessionId;
}

/** The session's servers of tools, as the protocol names them: those that are reached over HTTP. */
function mcpServers(of: unknown): object[] {
  const servers = typeof of === "object" && of !== null ? Object.entries(of as Record<string, Params>) : [];
  return servers.flatMap(([name, { url, headers = {} }]) =>
    typeof url !== "string"
      ? []
      : [
          {
            type: "http",
            name,
            url,
            headers: Object.entries(headers as object).map(([header, value]) => ({
              name: header,
              value: String(value),
            })),
          },
        ],
  );
}

/** What is asked for, with what the agent has told of the tool before. */
function wishOf({ toolCallId, title }: Params, use: ToolUse | undefined): Asked {
  return {
    toolName: use === undefined ? "other" : nameOf(use),
    toolInput: use?.input ?? {},
    edits: use?.kind === "edit",
    ...(typeof toolCallId === "string" ? { toolUseId: toolCallId } : {}),
    ...(typeof title === "string" ? { title } : {}),
  };
}

/** The agent's own word for this decision, for this once: it is for us to remember more. Without one, nothing is decided. */
function outcomeOf(allow: boolean, options: unknown): object {
  const kind = allow ? "allow_once" : "reject_once";
  const found = (Array.isArray(options) ? (options as Params[]) : []).find((it) => it["kind"] === kind);
  return found === undefined ? CANCELLED : { outcome: "selected", optionId: found["optionId"] };
}

function reasonOf(stopReason: unknown): string {
  return stopReason === "max_turn_requests" ? "max_iterations" : String(stopReason);
}

function failureOf(error: unknown, said: string): Error {
  if (!(error instanceof RpcError)) return programFailure(error, said);
  const text = errorText(error);
  return error.code === AUTH_REQUIRED
    ? new RunnerUnavailableError(text, { cause: error })
    : Object.assign(new Error(text, { cause: error }), { code: "ACP_ERROR" });
}
