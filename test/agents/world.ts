import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type {
  AgentEnd,
  AgentEvents,
  AgentTurn,
  AgentWish,
  Answer,
  ArchivePart,
} from "../../src/agents/agent.ts";
import { agentOf } from "../../src/agents/conduct.ts";
import type { Runner } from "../../src/agents/port.ts";
import { systemClock } from "../../src/shared/base/clock.ts";
import type { Thread } from "../../src/shared/session-log/turns/fact.ts";
import { withChildren, type TurnAgent } from "../../src/guard/children.ts";
import { startGuard } from "../../src/guard/guard.ts";
import { createArchive } from "../support/archive.ts";
import { NO_PID_FILES } from "../support/no-pid-files.ts";

// A session of a runner with its programs under a real guard, and a log that remembers.

/** One event of the log. Pieces of one text are one. */
export type Said = { type: string } & Record<string, unknown>;

export type TurnOf = {
  said: Said[];
  /** Its end, when it is over. */
  over: Promise<AgentEnd>;
  cancel(): void;
  wish(wish: AgentWish): void;
};

export type Session = Disposable & {
  workspace: string;
  /** Starts a turn. `answer` is what the user decides about each question. */
  turn(input: string, of?: { answer?: Answer; options?: Record<string, unknown>; most?: number }): TurnOf;
  /** The same session on another machine: in another folder, with a runner that knows only what the log knows. */
  elsewhere(runner: Runner): Session;
  /** Has another runner run the turns from now on. */
  take(runner: Runner): void;
  /** What was kept of the back end's memory. */
  kept: ArchivePart[];
};

/** What the log knows of a session. */
type Log = { thread: Thread | undefined; kept: ArchivePart[] };

const guard = startGuard();
/** Programs run without the shell files of the person who runs the tests: a login shell reads them, and they may take longer than an agent waits. */
const HOME = mkdtempSync(join(tmpdir(), "rr-agents-home-"));
export const ENV: { PATH: string; HOME: string } = { PATH: process.env["PATH"] ?? "", HOME };
const HOLD = {
  until: () => systemClock.now() + 60_000,
  onRenewed: () => () => undefined,
  lost: new AbortController().signal,
};

/** Opens a session in a folder of its own. What its back end calls it is remembered from turn to turn, as the log does. */
export function openSession(
  runner: Runner,
  approval?: string,
  log: Log = { thread: undefined, kept: [] },
): Session {
  const workspace = mkdtempSync(join(tmpdir(), "rr-agent-"));
  const spawn = {
    guard: () => guard,
    clock: systemClock,
    env: ENV,
    random: randomUUID,
    pidFiles: NO_PID_FILES,
  };
  const agentBy = (of: Runner): TurnAgent =>
    withChildren(spawn, agentOf(of), { hold: HOLD, folder: workspace });
  let agent = agentBy(runner);

  return {
    workspace,
    kept: log.kept,
    take: (other) => void (agent = agentBy(other)),
    elsewhere: (other) => openSession(other, approval, log),
    [Symbol.dispose]: () => rmSync(workspace, { recursive: true, force: true }),
    turn(input, { answer = { allow: true }, options = {}, most } = {}) {
      const said: Said[] = [];
      const ending = new AbortController();
      let hear: (wish: AgentWish) => void = () => undefined;
      const events: AgentEvents = {
        piece(type, block, text) {
          const last = said.at(-1);
          if (last?.type === type && last["block"] === block) last["text"] += text;
          else said.push({ type, block, text });
        },
        tell(type, data) {
          said.push({ type, ...data });
          const { thread_id: id, runner: of } = data;
          if (type === "session_info" && typeof id === "string") log.thread = { runner: String(of), id };
        },
        room: () => Promise.resolve(),
        async ask(data) {
          said.push({ type: "permission_request", ...data });
          said.push({ type: "permission_resolved", allowed: answer.allow });
          return answer;
        },
        hear: (listener) => void (hear = listener),
        archive: createArchive(log.kept),
      };
      const turn: Omit<AgentTurn, "spawn"> = {
        session: {
          id: "s",
          user: "ann",
          workspace,
          metadata: {},
          options: { ...(approval === undefined ? {} : { approval }), ...options },
        },
        turn: randomUUID(),
        request: { user_input: input, ...(most === undefined ? {} : { max_iterations: most }) },
        thread: log.thread,
        mode: undefined,
      };
      return {
        said,
        over: agent.run(turn, events, ending.signal),
        cancel: () => ending.abort(),
        wish: (it) => hear(it),
      };
    },
  };
}
