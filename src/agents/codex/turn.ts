import type { AgentCommand, AgentProcess } from "../agent.ts";
import type { Clock } from "../../shared/base/clock.ts";
import { VERSION } from "../../shared/base/version.ts";
import { openRpc, RpcError, type Params, type Rpc } from "../json-rpc.ts";
import { programFailure } from "../failure.ts";
import { type ApprovalChoice, type Asked, type RunnerSession } from "../port.ts";
import type { Running } from "../running.ts";
import { settingFlags, threadOptions, type CodexConfig } from "./options.ts";
import { NEW_READING, read } from "./reading.ts";

/** How long Codex has to interrupt what it does before it is asked to end; it takes milliseconds. Then, before it is killed. 0.5 + 0.4 s: a stop is over within a second. */
const INTERRUPT_MS = 500;
const END_MS = 400;

export type CodexDeps = { config: CodexConfig; clock: Clock };

type Live = { rpc: Rpc; thread: string; turn: string };

/** Runs a turn with an app server of its own. */
export function beginTurn(
  { config, clock }: CodexDeps,
  session: RunnerSession,
  prompt: string,
  choice: ApprovalChoice,
): Running {
  const done = Promise.withResolvers<void>();
  done.promise.catch(() => undefined); // also if the turn has failed before, and nobody waits for it
  const { output_schema: schema } = session.options;
  const wantsData = typeof schema === "object" && schema !== null;
  let reading = NEW_READING;
  let live: Live | undefined;
  let child: AgentProcess | undefined;
  let stopped = false;

  async function notified(method: string, params: Params): Promise<void> {
    const [next, reports] = read(reading, method, wantsData ? { ...params, wantsData } : params);
    reading = next;
    for (const it of reports) if (!stopped || it.type !== "error") session.emit(it);
    await session.room();
    if (reading.end !== undefined) done.resolve();
  }

  async function run(): Promise<void> {
    let rpc: Rpc | undefined;
    let failure: unknown;
    try {
      if (stopped) return;
      child = await session.spawn(commandOf(config));
      if (stopped) return child.stop(END_MS);
      rpc = openRpc(child, { notified, asked: (method, params) => asked(session, method, params) });
      void rpc.over.then(done.resolve, done.reject);
      const { workspace, options } = session;
      const wanted = threadOptions(config, { workspace, options, choice });
      live = await openTurn(rpc, session, { prompt, wanted, schema: wantsData ? schema : undefined });
      if (stopped) interrupt(live);
      await done.promise;
      if (reading.end === undefined && !stopped) throw new Error("codex ended in the turn");
    } catch (error) {
      if (rpc === undefined && !stopped) throw error;
      failure = error;
    } finally {
      child?.stdin.end();
      child?.stop();
      await child?.ended; // what it says on stderr may come last
    }
    if (failure !== undefined && !stopped) throw programFailure(failure, rpc?.stderr() ?? "");
  }

  return {
    over: run(),
    input: (text) => steer(live, text),
    async stop() {
      stopped = true;
      if (live === undefined) child?.stop(END_MS);
      else await interrupted(live, { clock, done });
      child?.stop(END_MS);
      return (await child?.ended)?.code ?? null;
    },
  };
}

function commandOf(config: CodexConfig): AgentCommand {
  return { file: config.command, args: ["app-server", ...settingFlags(config)], env: config.env };
}

/** Introduces us, opens the conversation, and starts the turn in it. */
async function openTurn(
  rpc: Rpc,
  session: RunnerSession,
  { prompt, wanted, schema }: { prompt: string; wanted: Params; schema: unknown },
): Promise<Live> {
  const clientInfo = { name: "runner-relay", title: "runner-relay", version: VERSION };
  await rpc.request("initialize", { clientInfo });
  rpc.notify("initialized");
  const thread = await openThread(rpc, session, wanted);
  const started = await rpc.request("turn/start", {
    threadId: thread,
    input: textInput(prompt),
    ...(schema === undefined ? {} : { outputSchema: schema }),
  });
  return { rpc, thread, turn: idIn(started["turn"]) };
}

async function steer(live: Live | undefined, text: string): Promise<void> {
  if (live === undefined) throw new Error("the turn has not begun");
  const { rpc, thread, turn } = live;
  await rpc.request("turn/steer", { threadId: thread, expectedTurnId: turn, input: textInput(text) });
}

/** Interrupts a turn, and waits for its end, but not for long. */
async function interrupted(
  live: Live,
  { clock, done }: { clock: Clock; done: PromiseWithResolvers<void> },
): Promise<void> {
  interrupt(live);
  const cancel = clock.after(INTERRUPT_MS, () => done.resolve());
  await done.promise.catch(() => undefined);
  cancel();
}

function interrupt({ rpc, thread, turn }: Live): void {
  void rpc.request("turn/interrupt", { threadId: thread, turnId: turn }).catch(() => undefined);
}

/** The conversation of the session, or a new one where Codex does not know it any more: that is said. */
async function openThread(rpc: Rpc, session: RunnerSession, wanted: Params): Promise<string> {
  const { threadId } = session;
  const known =
    threadId === undefined
      ? undefined
      : await rpc.request("thread/resume", { threadId, ...wanted }).catch((error: unknown) => {
          if (!(error instanceof RpcError)) throw error;
          const message = `Codex does not know the conversation any more, and begins a new one: ${error.message}`;
          session.emit({ type: "error", code: "THREAD_LOST", message, recoverable: true });
          return undefined;
        });
  const answer = known ?? (await rpc.request("thread/start", wanted));
  const id = idIn(answer["thread"]);
  const { model } = answer;
  session.emit({
    type: "header",
    title: "Codex",
    provider: "OpenAI",
    threadId: id,
    ...(typeof model === "string" ? { model } : {}),
  });
  return id;
}

/** Asks the user what Codex asks. Undefined: nothing of ours. */
function asked(session: RunnerSession, method: string, params: Params): Promise<object> | undefined {
  const wish = wishOf(method, params);
  return wish === undefined
    ? undefined
    : session.ask(wish).then(({ allow }) => ({ decision: allow ? "accept" : "decline" }));
}

function wishOf(method: string, params: Params): Asked | undefined {
  const { itemId, command, cwd, reason, grantRoot } = params;
  const known = {
    ...(typeof itemId === "string" ? { toolUseId: itemId } : {}),
    ...(typeof reason === "string" ? { title: reason } : {}),
  };
  switch (method) {
    case "item/commandExecution/requestApproval":
      return { toolName: "shell", toolInput: { command, cwd }, ...known };
    case "item/fileChange/requestApproval":
      // writing to a folder beyond the workspace is more than an edit
      return {
        toolName: "apply_patch",
        toolInput: { grantRoot },
        edits: (grantRoot ?? null) === null,
        ...known,
      };
    default:
      return undefined;
  }
}

function textInput(text: string): object[] {
  return [{ type: "text", text }];
}

function idIn(value: unknown): string {
  const { id } = typeof value === "object" && value !== null ? (value as { id?: unknown }) : {};
  if (typeof id !== "string") throw new Error("codex answered without an id");
  return id;
}
