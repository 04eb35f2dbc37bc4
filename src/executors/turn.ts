import { judge, hasRules, ruling, type ToolRules } from "../agents/approval.ts";
import type { Reported, Runner, RunnerSession } from "../agents/port.ts";
import { createChildren } from "../guard/children.ts";
import type { Hold, SpawnDeps } from "../guard/spawn-agent.ts";
import { errorText } from "../shared/base/errors.ts";
import type { Blueprint, JsonObject } from "./invocation.ts";
import type { Profile } from "./profile.ts";
import { close, open, report, type Ending, type Report } from "./report.ts";
import type { Reporter } from "./reporter.ts";

/** How long a program of an agent may run: nobody is there who would end one that hangs. */
const PROGRAM_MS: number = 24 * 60 * 60 * 1000;

/** Who works for a session, and where. */
export type Work = {
  sessionId: string;
  runner: Runner;
  folder: string;
  blueprint: Blueprint;
  profile: Profile;
  rules: ToolRules;
};

/** A turn that is to be run. */
export type TurnOf = {
  prompt: string;
  bound: Report["bound"];
  /** By which the agent knows the conversation. */
  threadId: string | undefined;
};

export type TurnEnd = { ending: Ending; bound: Report["bound"]; threadId: string | undefined };

/** Runs a turn and puts what happens in it. It has ended, with everything that it started, when this resolves; soon after `stop`, if that comes first. */
export async function runTurn(
  { spawn, reporter, stop }: { spawn: SpawnDeps; reporter: Reporter; stop: AbortSignal },
  work: Work,
  turn: TurnOf,
): Promise<TurnEnd> {
  const { runner } = work;
  let over = false;
  let { threadId } = turn;
  const structured = work.blueprint.outputSchema !== undefined;
  let [state, writes] = open({ prompt: turn.prompt, structured, bound: turn.bound });
  reporter.put(writes);

  function emit(event: Reported): void {
    if (over) return;
    if (event.type === "header" && event.threadId !== "unknown") threadId = event.threadId ?? threadId;
    [state, writes] = report(state, event);
    reporter.put(writes);
  }

  const hold: Hold = {
    until: () => spawn.clock.now() + PROGRAM_MS,
    onRenewed: () => () => undefined,
    lost: new AbortController().signal,
  };
  const children = createChildren(spawn, { hold, folder: work.folder }, stop);
  const talk = { emit, room: () => reporter.room(), spawn: children.spawn };
  const session: RunnerSession = { ...sessionOf(work, turn), ...talk };
  const end = (): void => void runner.stop(session).catch(() => undefined); // start ends then, or the guard ends what it runs
  stop.addEventListener("abort", end, { once: true });
  try {
    const running = runner.start(session, turn.prompt, work.profile.choice);
    if (stop.aborted) end();
    await running;
  } catch (error) {
    emit({ type: "error", code: codeOf(error), message: errorText(error) });
  } finally {
    stop.removeEventListener("abort", end);
    over = true;
    await children.end();
  }
  const closed = close(state, stop.aborted);
  reporter.put(closed.writes);
  return { ending: closed.ending, bound: closed.report.bound, threadId };
}

/** Nobody is there who could be asked: what is not allowed without that is refused. */
const NOBODY = "nobody can be asked, and the profile does not allow this";

function sessionOf(
  { sessionId, folder, blueprint, profile, rules }: Work,
  { prompt, threadId }: TurnOf,
): Omit<RunnerSession, "emit" | "room" | "spawn"> {
  const { systemPrompt, mcpServers, outputSchema } = blueprint;
  const { model, choice } = profile;
  return {
    id: sessionId,
    user: "executor",
    workspace: folder,
    metadata: {},
    options: {
      ...(model === undefined ? {} : { model }),
      ...(systemPrompt === undefined ? {} : { system_prompt: systemPrompt }),
      ...(outputSchema === undefined ? {} : { output_schema: outputSchema }),
      ...(Object.keys(mcpServers).length === 0 ? {} : { mcp_servers: serversOf(mcpServers) }),
    },
    turn: sessionId,
    request: { user_input: prompt },
    threadId,
    ruling: hasRules(rules) ? (asked) => ruling(asked, rules) : undefined,
    ask: (asked) =>
      Promise.resolve(
        judge(asked, choice, rules) === "allow" ? { allow: true } : { allow: false, message: NOBODY },
      ),
  };
}

/** Servers of tools as the coordinator has them, for agents: what is configured there is sent with each request. */
function serversOf(servers: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(servers).map(([name, it]) => {
      const { url, config, headers = config ?? {} } = (it ?? {}) as JsonObject;
      return [name, { type: "http", url, headers }];
    }),
  );
}

function codeOf(error: unknown): string {
  const { code } = error instanceof Error ? (error as Error & { code?: unknown }) : {};
  return typeof code === "string" ? code : "RUNNER_ERROR";
}
