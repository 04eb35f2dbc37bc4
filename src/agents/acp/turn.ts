import type { AgentProcess } from "../agent.ts";
import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import { programFailure } from "../failure.ts";
import { openRpc, RpcError, type Handlers, type Params, type Rpc } from "../json-rpc.ts";
import { RunnerUnavailableError, type Asked, type RunnerSession } from "../port.ts";
import type { Running } from "../running.ts";
import { open } from "./opening.ts";
import {
  beforeAsking,
  nameOf,
  newPrompt,
  NEW_READING,
  readUpdate,
  type Reading,
  type ToolUse,
} from "./updates.ts";

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

/** A turn on its way. */
type Turn = {
  session: RunnerSession;
  prompt: string;
  reading: Reading;
  child: AgentProcess | undefined;
  live: { rpc: Rpc; sessionId: string } | undefined;
  stopped: boolean;
  /** What a loaded session tells of its past is in the log already. */
  isPast: boolean;
  answered: boolean;
  /** What the user says while the agent works: the protocol has no way to say it at once, so it comes behind the answer, as a prompt of its own in the same turn. */
  unheard: string[];
  over: PromiseWithResolvers<void>;
};

/** Runs a turn with an agent's program of its own. */
export function beginTurn({ config, clock }: AcpDeps, session: RunnerSession, prompt: string): Running {
  const turn: Turn = {
    session,
    prompt,
    reading: NEW_READING,
    child: undefined,
    live: undefined,
    stopped: false,
    isPast: true,
    answered: false,
    unheard: [],
    over: Promise.withResolvers(),
  };
  turn.over.promise.catch(() => undefined); // also if nobody stops the turn, and waits for it
  return {
    over: run(config, turn),
    async input(text) {
      if (turn.answered) throw new Error("the agent has answered already");
      turn.unheard.push(text);
    },
    stop: () => stop(clock, turn),
  };
}

async function run({ command, env }: AcpConfig, turn: Turn): Promise<void> {
  const { session, over } = turn;
  let rpc: Rpc | undefined;
  let failure: unknown;
  try {
    if (turn.stopped) return;
    const [file, ...args] = command;
    turn.child = await session.spawn({ file, args, env });
    rpc = openRpc(turn.child, handlersOf(turn), { jsonrpc: "2.0" });
    void rpc.over.then(over.resolve, over.reject);
    const sessionId = await open(rpc, session);
    turn.live = { rpc, sessionId };
    if (turn.stopped) return;
    turn.isPast = false;
    await talk(turn, turn.live);
  } catch (error) {
    if (rpc === undefined && !turn.stopped) throw error;
    failure = error;
  } finally {
    over.resolve();
    turn.child?.stdin.end();
    turn.child?.stop();
    await turn.child?.ended; // what it says on stderr may come last
  }
  if (failure !== undefined && !turn.stopped) throw failureOf(failure, rpc?.stderr() ?? "");
}

function handlersOf(turn: Turn): Handlers {
  const { session } = turn;
  function say([next, reports]: ReturnType<typeof readUpdate>): void {
    turn.reading = next;
    for (const it of reports) session.emit(it);
  }
  async function permission({ toolCall, options }: Params): Promise<object> {
    const call = (toolCall ?? {}) as Params;
    say(beforeAsking(turn.reading, call));
    const { allow } = await session.ask(wishOf(call, turn.reading.tools.get(String(call["toolCallId"]))));
    return { outcome: turn.stopped ? CANCELLED : outcomeOf(allow, options) };
  }
  return {
    async notified(method, params) {
      if (method !== "session/update" || turn.isPast) return;
      say(readUpdate(turn.reading, (params["update"] ?? {}) as Params));
      await session.room();
    },
    asked: (method, params) => (method === "session/request_permission" ? permission(params) : undefined),
  };
}

/** Asks the agent, and then what the user said meanwhile. */
async function talk(turn: Turn, { rpc, sessionId }: { rpc: Rpc; sessionId: string }): Promise<void> {
  const { session, unheard } = turn;
  for (let text: string | undefined = turn.prompt; text !== undefined; text = unheard.shift()) {
    turn.reading = newPrompt(turn.reading);
    const asks = { sessionId, prompt: [{ type: "text", text }] };
    const { stopReason, usage } = await rpc.request("session/prompt", asks);
    if (usage !== undefined) session.emit({ type: "metadata", key: "tokens", value: usage });
    session.emit({ type: "output", output: { kind: "iteration", stopReason: String(stopReason) } });
    if (stopReason === "end_turn" && unheard.length > 0 && !turn.stopped) continue;
    turn.answered = true;
    return finish(session, { stopReason, answer: turn.reading.answer.text, unheard });
  }
}

async function stop(clock: Clock, turn: Turn): Promise<number | null> {
  turn.stopped = true;
  turn.live?.rpc.notify("session/cancel", { sessionId: turn.live.sessionId });
  const cancel = clock.after(CANCEL_MS, () => turn.over.resolve());
  await turn.over.promise.catch(() => undefined);
  cancel();
  turn.child?.stop(END_MS);
  return (await turn.child?.ended)?.code ?? null;
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
