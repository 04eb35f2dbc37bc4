import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { ApprovalChoice, Asked, Reported, RunnerSession } from "../port.ts";
import { programFailure } from "../failure.ts";
import { RunnerUnavailableError } from "../port.ts";
import type { Running } from "../running.ts";
import { createInbox, type Inbox } from "./inbox.ts";
import { newReading, read, type Reading } from "./messages.ts";
import { optionsOf, permissionMode, transcriptFolder, type ClaudeConfig } from "./options.ts";
import type { Sdk, SdkHookOutput, SdkOptions, SdkPermission, SdkQuery } from "./sdk.ts";
import { spawnNow, type Spawned } from "./spawned.ts";
import { createTranscript, type Transcript } from "./transcript.ts";

/** The name of this runner in the session's log. */
export const RUNNER = "claude_subprocess";

/** How long the CLI has to interrupt what it does, before it is asked to end, and then, before it is killed. 0.5 + 0.4 s: a stop is over within a second. */
const INTERRUPT_MS = 500;
const END_MS = 400;

/** How long the CLI may be silent behind a result, if the user has said something that it has not answered: another version may not tell of that. */
const UNHEARD_MS = 5000;

export type ClaudeDeps = { config: ClaudeConfig; load: () => Promise<Sdk>; clock: Clock };

/** A turn on its way. */
type Turn = {
  session: RunnerSession;
  choice: ApprovalChoice;
  inbox: Inbox;
  reading: Reading;
  query: SdkQuery | undefined;
  child: Spawned | undefined;
  /** Undefined where nothing is kept of it. */
  transcript: Transcript | undefined;
  stopped: boolean;
};

/** Runs a turn with a CLI of its own. */
export function beginTurn(
  deps: ClaudeDeps,
  session: RunnerSession,
  prompt: string,
  choice: ApprovalChoice,
): Running {
  const inbox = createInbox();
  inbox.say(prompt);
  const start = { query: undefined, child: undefined, transcript: undefined, stopped: false };
  const turn: Turn = { session, choice, inbox, reading: newReading(), ...start };
  return {
    over: run(deps, turn),
    async input(text) {
      if (isOver(turn.reading)) throw new Error("the agent has answered already");
      const uuid = inbox.say(text);
      turn.reading = { ...turn.reading, open: new Set(turn.reading.open).add(uuid) };
    },
    stop: () => stop(deps.clock, turn),
    mode(next) {
      // what it may do beyond that, it asks for, and it is allowed
      const mode = permissionMode(next, { ...deps.config, rules: true });
      void turn.query?.setPermissionMode(mode).catch(() => undefined);
    },
  };
}

async function run(deps: ClaudeDeps, turn: Turn): Promise<void> {
  let failure: unknown = new Error("the CLI ended without a result");
  try {
    turn.query = await startQuery(deps, turn);
    if (turn.stopped) turn.query.close();
    await follow(deps.clock, turn, turn.query);
  } catch (error) {
    failure = error; // behind a result the SDK throws what that has said, and behind a stop that it was stopped
  }
  if (turn.stopped) return;
  if (turn.reading.result === "none") {
    turn.child?.stop(END_MS);
    await turn.child?.ended; // what it says on stderr may come last
    throw failureOf(failure, turn.child);
  }
  if (turn.reading.result !== "answered") return;
  if (turn.transcript?.mirrored() === 0) turn.session.emit(notKept("the CLI has told nothing of it"));
  turn.session.emit({ type: "awaiting_input" });
}

async function startQuery({ config, load }: ClaudeDeps, turn: Turn): Promise<SdkQuery> {
  const { session, choice } = turn;
  const sdk = await load();
  if (sdk.storeless !== true) turn.transcript = transcriptOf(config, session);
  const { transcript } = turn;
  const { workspace, options, request, threadId: resume } = session;
  const asked = { workspace, options, request, choice, rules: session.ruling !== undefined, resume };
  return sdk.query({
    prompt: turn.inbox.messages,
    options: {
      ...optionsOf(config, asked),
      ...permissions(session),
      ...(transcript && { sessionStore: transcript.store, sessionStoreFlush: "eager" as const }),
      spawnClaudeCodeProcess({ command: file, args, env }) {
        turn.child = spawnNow(session.spawn, { file, args, env: textsOf(env) });
        if (turn.stopped) turn.child.stop(END_MS); // while the SDK was on its way here
        return turn.child.process;
      },
    },
  });
}

function transcriptOf(config: ClaudeConfig, session: RunnerSession): Transcript | undefined {
  const { archive } = session;
  if (archive === undefined) return undefined;
  const of = { archive, runner: RUNNER, folder: transcriptFolder(config) };
  return createTranscript({
    ...of,
    tooLarge: (chars) => session.emit(notKept(`an entry of ${chars} characters is too large`)),
  });
}

function notKept(why: string): Reported {
  const message = `a part of the transcript is not in the session's log: ${why}`;
  return { type: "error", code: "TRANSCRIPT_NOT_KEPT", message, recoverable: true };
}

/** Reports what comes, and has the CLI end when the turn is over. */
async function follow(clock: Clock, turn: Turn, messages: SdkQuery): Promise<void> {
  const { session, inbox } = turn;
  let cancel = (): void => undefined;
  for await (const message of messages) {
    cancel();
    const [next, reports] = read(turn.reading, message);
    turn.reading = next;
    for (const it of reports) if (!turn.stopped || it.type !== "error") session.emit(it);
    if (isOver(next)) inbox.end();
    else if (next.result !== "none") cancel = clock.after(UNHEARD_MS, () => inbox.end());
    await session.room();
  }
  cancel();
}

async function stop(clock: Clock, turn: Turn): Promise<number | null> {
  turn.stopped = true;
  turn.inbox.end();
  if (turn.query === undefined) return null;
  void turn.query.interrupt().catch(() => undefined);
  const late = Promise.withResolvers<void>();
  const cancel = clock.after(INTERRUPT_MS, () => late.resolve());
  const ended = turn.child?.ended ?? Promise.resolve(null);
  await Promise.race([ended, late.promise]);
  cancel();
  turn.child?.stop(END_MS);
  return await ended;
}

/** A result came, and there is nothing that the user said which it does not answer. */
function isOver({ result, open }: Reading): boolean {
  return result === "failed" || (result === "answered" && open.size === 0);
}

const EDITS: readonly string[] = ["Edit", "MultiEdit", "Write", "NotebookEdit"];

function askedOf(toolName: string, toolInput: unknown): Asked {
  return { toolName, toolInput, edits: EDITS.includes(toolName) };
}

/** Asks the user what the CLI asks, and decides by the session's rules before that. */
function permissions(session: RunnerSession): Pick<SdkOptions, "canUseTool" | "hooks"> {
  const { ruling } = session;
  async function rule(input: unknown): Promise<SdkHookOutput> {
    const { tool_name: name, tool_input: of } = input as { tool_name: string; tool_input: unknown };
    const ruled = ruling?.(askedOf(name, of));
    if (ruled === undefined) return {};
    return {
      hookSpecificOutput: {
        hookEventName: "PreToolUse",
        permissionDecision: ruled,
        permissionDecisionReason: "a rule of the session",
      },
    };
  }
  return {
    async canUseTool(name, input, { toolUseID, title }): Promise<SdkPermission> {
      const asked = askedOf(name, input);
      const { allow, message = "The user does not allow this." } = await session.ask({
        ...asked,
        ...(toolUseID === undefined ? {} : { toolUseId: toolUseID }),
        ...(title === undefined ? {} : { title }),
      });
      return allow ? { behavior: "allow", updatedInput: input } : { behavior: "deny", message };
    },
    hooks: { PreToolUse: ruling === undefined ? [] : [{ hooks: [rule] }] },
  };
}

function failureOf(error: unknown, child: Spawned | undefined): Error {
  if (child === undefined) return new RunnerUnavailableError(errorText(error), { cause: error });
  return programFailure(error, child.stderr().trim());
}

function textsOf(env: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
}
