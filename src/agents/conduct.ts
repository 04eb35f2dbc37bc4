import { errorText } from "../shared/base/errors.ts";
import type { Agent, AgentEvents, AgentTurn, AgentWish } from "./agent.ts";
import { approvalOf, hasRules, judge, ruling, rulesOf } from "./approval.ts";
import { fitting } from "./fit.ts";
import type { ApprovalChoice, Asked, Decision, Runner, RunnerEvent, RunnerSession } from "./port.ts";
import { endOf, newTelling, tell } from "./telling.ts";

// port.ts is what an adapter implements, running.ts helps it · telling.ts decides what its callbacks are in the log (fit.ts makes them small enough), approval.ts what may be done unasked · registry.ts
// keeps the runners of named.ts

/** Runs the turns of sessions with a runner. */
export function agentOf(runner: Runner): Agent {
  return {
    async run(turn, events, signal) {
      const conduct = createConduct(runner.runnerType, turn, events);
      const { session } = conduct;
      const stop = (): void => void runner.stop(session).catch(() => undefined); // start ends then, or the guard ends what it runs
      const wish = (it: AgentWish): void => void obey(runner, conduct, it);
      signal.addEventListener("abort", stop, { once: true });
      try {
        const over = runner.start(session, promptOf(turn.request), conduct.choice());
        events.hear(wish);
        if (signal.aborted) stop();
        await over;
      } catch (error) {
        conduct.take({ type: "error", code: codeOf(error), message: errorText(error) });
      } finally {
        signal.removeEventListener("abort", stop);
        conduct.close();
      }
      return conduct.end();
    },
  };
}

type Conduct = {
  session: RunnerSession;
  take(event: RunnerEvent): void;
  choice(): ApprovalChoice;
  choose(choice: ApprovalChoice): void;
  /** Nothing is said any more. */
  close(): void;
  end(): ReturnType<typeof endOf>;
};

function createConduct(runner: string, turn: AgentTurn, events: AgentEvents): Conduct {
  const { session: of, spawn, request, trace, thread, mode } = turn;
  const threadId = thread?.runner === runner ? thread.id : undefined;
  const rules = rulesOf(of.options);
  const remembered = new Set<string>();
  let choice = approvalOf(mode ?? of.options["approval"]) ?? 0;
  let telling = newTelling(runner, threadId);
  let over = false;

  function take(event: RunnerEvent): void {
    if (over) return;
    const [after, told] = tell(telling, event);
    telling = after;
    for (const it of told)
      if (it.kind === "piece") events.piece(it.type, it.block, it.text);
      else events.tell(it.type, it.data);
  }

  async function ask(asked: Asked): Promise<Decision> {
    const what = JSON.stringify([asked.toolName, asked.toolInput]);
    const judged = judge(asked, choice, rules);
    if (over) return { allow: false, message: "the turn is over" };
    if (judged === "deny") return { allow: false, message: "a rule of the session forbids this" };
    if (judged === "allow" || remembered.has(what)) return { allow: true };
    const { allow, message, remember } = await events.ask(askedData(asked));
    if (allow && remember === true) remembered.add(what);
    return { allow, ...(message === undefined ? {} : { message }) };
  }

  const { id, user, workspace, metadata, options } = of;
  const place = { id, user, workspace, metadata, options, turn: turn.turn, request, trace, threadId, spawn };
  return {
    session: {
      ...place,
      emit: take,
      ask,
      ruling: hasRules(rules) ? (asked) => ruling(asked, rules) : undefined,
      room: () => events.room(),
      archive: events.archive,
    },
    take,
    choice: () => choice,
    choose: (next) => void (choice = next),
    close: () => void (over = true),
    end: () => endOf(telling),
  };
}

/** What was asked, as clients see it. */
function askedData({ toolName, toolInput, toolUseId, title }: Asked): Record<string, unknown> {
  return {
    tool_name: toolName,
    ...fitting("tool_input", toolInput),
    ...(toolUseId === undefined ? {} : { tool_use_id: toolUseId }),
    ...(title === undefined ? {} : { title }),
  };
}

/** What an agent cannot do that a client wants is said, and the turn goes on. */
async function obey(runner: Runner, conduct: Conduct, wish: AgentWish): Promise<void> {
  try {
    await tryTo(runner, conduct, wish);
  } catch (error) {
    conduct.take({ type: "error", code: "INPUT_REFUSED", message: errorText(error), recoverable: true });
  }
}

async function tryTo(runner: Runner, conduct: Conduct, wish: AgentWish): Promise<void> {
  if (wish.kind === "mode") {
    const choice = approvalOf(wish.mode);
    if (choice === undefined)
      return conduct.take({
        type: "error",
        code: "MODE_UNKNOWN",
        message: `there is no permission mode ${wish.mode}; choose ask, accept_edits or bypass`,
        recoverable: true,
      });
    conduct.choose(choice);
    return runner.updatePermissionMode(conduct.session, choice);
  }
  await runner.sendInput(conduct.session, wish.text);
}

function promptOf({ user_input: input }: Record<string, unknown>): string {
  return typeof input === "string" ? input : JSON.stringify(input ?? null);
}

function codeOf(error: unknown): string {
  const { code } = error instanceof Error ? (error as Error & { code?: unknown }) : {};
  return typeof code === "string" ? code : "RUNNER_ERROR";
}
