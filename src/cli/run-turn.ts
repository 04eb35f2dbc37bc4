import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { Command } from "commander";
import type { SessionEvent, Sessions } from "../client/sessions/index.ts";
import { codedError, errorText } from "../shared/base/errors.ts";
import { ownCommand } from "../shared/base/own-command.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { codedFailure } from "./sessions/coded.ts";
import { onInterrupts } from "./sessions/interrupts.ts";
import { answer } from "./sessions/questions.ts";
import { clientOf, findServer, SESSIONS_CLIENT_TABLE, type Server } from "./sessions/server.ts";
import { sayIfWaiting, type Waiting } from "./sessions/waiting.ts";
import { createTurnJson, createTurnView, type TurnView } from "./sessions/turn-view.ts";

// sessions/server.ts finds the server, sessions/own-server.ts starts one where none runs · sessions/turn-view.ts shows the turn, sessions/questions.ts answers what the agent
// asks, sessions/interrupts.ts hears Ctrl-C, sessions/waiting.ts says that a turn has not begun · sessions/coded.ts translates failures

/** A process that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;
const FROM_STDIN = "-";

type Options = { session?: string; workspace?: string; json?: true };

export function command(context: Context): Command {
  const self = new Command("run")
    .description(
      "Runs a turn of an agent in a session and shows what it says. Without --session it makes a session. The server is the one that `up` runs on this machine, unless --gateway-url names another one; where none runs, everything that the turn needs is started for it. Ctrl-C cancels the turn, a second one leaves at once.",
    )
    .argument("<prompt...>", "what the agent is asked; - reads it from stdin")
    .option("--session <id>", "go on in this session; it is made if it does not exist")
    .option("--workspace <path>", "folder that a new session works in, below a workspace root")
    .option("--json", "print every event as one line of JSON");
  return addFlags(self, SESSIONS_CLIENT_TABLE).action(async (words: string[], options: Options) => {
    const prompt = await promptOf(context, words);
    const found = findServer({ env: context.env, flags: flagsOf(self, SESSIONS_CLIENT_TABLE) });
    const run = (server: Server): Promise<number> => runIn(context, server, { ...options, prompt });
    if (found.kind === "server") process.exitCode = await run(found.server);
    else {
      const { withOwnServer } = await import("./sessions/own-server.ts"); // it takes a while to load
      context.warn(`starting what the turn needs; \`${ownCommand("up")}\` keeps it running`);
      const { dataDir, key } = found;
      process.exitCode = await withOwnServer({ context, dataDir, key, workspace: options.workspace }, run);
    }
  });
}

async function promptOf(context: Context, words: string[]): Promise<string> {
  const [only, ...others] = words;
  const stdin = only === FROM_STDIN && others.length === 0;
  const prompt = stdin ? Buffer.from(await context.readStdin()).toString("utf8") : words.join(" ");
  if (prompt.trim() === "") throw codedError("usage", "the prompt is empty");
  return prompt;
}

/** Runs the turn. Returns the exit code; throws `turn_failed` and `turn_interrupted`. */
async function runIn(
  context: Context,
  server: Server,
  { session: id, workspace, json, prompt }: Options & { prompt: string },
): Promise<number> {
  await using client = clientOf(server);
  const leaving = new AbortController();
  const { signal } = leaving;
  const turn = randomUUID().replaceAll("-", ""); // as one word, to be copied with a double click
  const view = json ? createTurnJson(context) : createTurnView(context);
  let stop = (): void => leaving.abort();
  using _ = onInterrupts({ first: () => stop(), second: () => leaving.abort() });
  try {
    const made = {
      ...(id === undefined ? {} : { session_id: id }),
      ...(workspace === undefined ? {} : { workspace_dir: resolve(workspace) }),
    };
    const { session_id: session } = await client.createSession(made, { signal });
    if (id === undefined) view.note(`session ${session}`);
    using waiting = sayIfWaiting(view.note);
    const unbegun = (): void => {
      if (!waiting.hasBegun()) leaving.abort();
    };
    stop = () => void cancel(client, { session, turn, view }).then(unbegun);
    const ended = await follow(context, { client, session, view, prompt, turn, waiting, signal });
    view.end();
    return exitOf(ended);
  } catch (error) {
    view.end();
    if (signal.aborted) return EXIT_INTERRUPTED;
    throw codedFailure(error);
  }
}

/** What a turn is shown with. */
type Turn = { client: Sessions; session: string; turn: string; view: TurnView };

/** Resolves when the server has it. A turn that has not begun may be ended by nobody for long: no worker is there, or another turn runs. */
async function cancel(client: Sessions, { session, turn, view }: Omit<Turn, "client">): Promise<void> {
  const come = ownCommand("sessions", "watch", session);
  view.note(`cancelling the turn; Ctrl-C again leaves without waiting (\`${come}\` comes back)`);
  await client.cancel(session, turn).catch((error: unknown) => {
    view.note(`the turn could not be cancelled: ${errorText(error)}`);
  });
}

/** Shows the turn until its end, which is returned. */
async function follow(
  context: Context,
  of: Turn & { prompt: string; waiting: Waiting; signal: AbortSignal },
): Promise<SessionEvent | undefined> {
  const { client, session, turn, view, prompt, waiting, signal } = of;
  let last: SessionEvent | undefined;
  for await (const item of client.execute(
    session,
    { user_input: prompt, client_turn_id: turn },
    { signal },
  )) {
    if (item.type === "turn_started" || item.type === "turn_ended") waiting.begun();
    view.take(item);
    if (!("seq" in item)) continue;
    last = item;
    await answer(context, { client, session, note: view.note }, item);
  }
  return last;
}

function exitOf(ended: SessionEvent | undefined): number {
  const { outcome, message, code } = ended?.data ?? {};
  const why = [code, message].filter((it) => typeof it === "string").join(": ") || "no reason was given";
  if (outcome === "finished") return 0;
  if (outcome === "cancelled") return EXIT_INTERRUPTED;
  if (outcome === "interrupted")
    throw codedError("turn_interrupted", "the worker went away; it is not known how far the turn came");
  throw codedError("turn_failed", why);
}
