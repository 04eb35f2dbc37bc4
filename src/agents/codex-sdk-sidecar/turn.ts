import type { Dispatcher } from "undici";
import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import { readLines } from "../lines.ts";
import { RunnerUnavailableError, type ApprovalChoice, type Reported, type RunnerSession } from "../port.ts";
import type { Running } from "../running.ts";
import { NEW_READING, readEvent, type Reading } from "./reading.ts";

type AskOptions = Omit<Dispatcher.RequestOptions, "origin" | "path" | "method"> & { method?: "POST" };

export type SidecarConfig = { url: string; token: string | undefined };

/** For an answer of a route. */
const CALL_MS = 10_000;
/** It sends a heartbeat every 5 s while a turn runs. */
const SILENCE_MS = 60_000;
/** Longest event: its texts come whole. */
const MOST_LINE_BYTES: number = 16 * 1024 * 1024;
/** Longest answer of a route: it has a few words. */
const MOST_ANSWER_BYTES: number = 64 * 1024;
/** How long it has to end what it runs, behind an interrupt: until then that works in the folder. */
const INTERRUPT_MS = 2000;
/** How often a broken stream is opened again. The sidecar keeps what came in between for the next stream. */
const MOST_STREAMS = 5;

const CANNOT_ASK =
  "the Codex sidecar cannot ask; choose accept_edits or bypass for this session, or the adapter `codex`";

/** It keeps what it says while nobody listens, but not what it said into a connection that was broken already. */
const BROKEN: Reported = {
  type: "error",
  code: "STREAM_BROKEN",
  message: "the sidecar's events broke off; what it said in that moment may be missing",
  recoverable: true,
};

/** A turn on its way. */
type Turn = {
  session: RunnerSession;
  sidecar: ReturnType<typeof sidecarAt>;
  reading: Reading;
  begun: boolean;
  stopped: boolean;
  /** Inputs whose answers are awaited: they tell how many ends there will be. */
  asking: Promise<unknown>;
  ended: AbortController;
};

/** Runs a turn at the sidecar. Each turn is a session of its own there, so that nothing of an earlier one, kept or queued, gets into it; the thread goes on. */
export function beginTurn(
  { config, clock }: { config: SidecarConfig; clock: Clock },
  session: RunnerSession,
  prompt: string,
  choice: ApprovalChoice,
): Running {
  const ended = new AbortController();
  const sidecar = sidecarAt(config, `${session.id}.${session.turn}`, ended.signal);
  const turn: Turn = {
    session,
    sidecar,
    ended,
    reading: NEW_READING,
    begun: false,
    stopped: false,
    asking: Promise.resolve(),
  };
  const over = run(turn, { prompt, approval_choice: choice, ...placeOf(session) });
  return { over, input: (text) => input(turn, text), stop: () => stop(turn, { clock, over }) };
}

async function run(turn: Turn, of: { prompt: string; approval_choice: ApprovalChoice }): Promise<void> {
  const { session, sidecar, ended } = turn;
  // the sidecar never asks: with 0 it would do everything
  if (of.approval_choice === 0) throw new Error(CANNOT_ASK);
  try {
    for (let streams = 0; turn.reading.open > 0 && !(turn.stopped && !turn.begun); streams++) {
      if (streams === MOST_STREAMS) throw new Error("the Codex sidecar's events broke off");
      if (streams > 0) session.emit(BROKEN);
      const body = await sidecar.events();
      if (streams === 0) {
        await sidecar.call("/sessions/start", of);
        turn.begun = true;
        if (turn.stopped) await sidecar.call("/sessions/interrupt");
      }
      await listen(turn, body).catch((error: unknown) => {
        if (!isBreak(error)) throw error;
      });
    }
  } catch (error) {
    if (!turn.stopped) throw error;
  } finally {
    ended.abort();
  }
}

/** Reads one stream. Returns when it breaks, or everything was said. */
async function listen(turn: Turn, body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const line of readLines(body, MOST_LINE_BYTES)) {
    const event = eventIn(line);
    if (event === undefined) continue;
    await turn.asking;
    const [next, reports] = readEvent(turn.reading, event);
    turn.reading = next;
    for (const it of reports) if (!turn.stopped || it.type !== "error") turn.session.emit(it);
    await turn.session.room();
    if (turn.reading.open === 0) return;
  }
}

async function input(turn: Turn, text: string): Promise<void> {
  if (!turn.begun) throw new Error("the turn has not begun");
  if (turn.reading.open === 0) throw new Error("the agent has answered already");
  const taken = turn.sidecar.call("/sessions/input", { text }).then(({ queued }) => {
    if (queued !== true) turn.reading = { ...turn.reading, open: turn.reading.open + 1 };
  });
  turn.asking = Promise.allSettled([turn.asking, taken]);
  await taken;
}

async function stop(turn: Turn, { clock, over }: { clock: Clock; over: Promise<void> }): Promise<null> {
  turn.stopped = true;
  if (turn.begun) {
    await turn.sidecar.call("/sessions/interrupt").catch(() => undefined);
    const late = Promise.withResolvers<void>();
    const cancel = clock.after(INTERRUPT_MS, late.resolve);
    await Promise.race([over.catch(() => undefined), late.promise]);
    cancel();
  }
  turn.ended.abort();
  return null;
}

/** The connection was lost, and what came over it was right. */
function isBreak(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === "UND_ERR_SOCKET" || code === "ECONNRESET";
}

/** Where the turn works, and which conversation it continues. */
function placeOf({ workspace, threadId }: RunnerSession): object {
  return {
    ...(workspace === undefined ? {} : { workdir: workspace }),
    ...(threadId === undefined ? {} : { thread_id: threadId }),
  };
}

/** The routes of one session of the sidecar. They reject with what it says, or that it is away. */
function sidecarAt({ url, token }: SidecarConfig, id: string, signal: AbortSignal) {
  const headers: Record<string, string> = token === undefined ? {} : { "x-sidecar-token": token };

  function away(error: unknown): never {
    const text = `the Codex sidecar is not reachable at ${url}: ${errorText(error)}`;
    throw new RunnerUnavailableError(text, { cause: error });
  }

  async function ask(path: string, options: AskOptions): Promise<Dispatcher.ResponseData> {
    const { request } = await import("undici"); // takes 8 MB, which a worker without such turns does not need
    const answer = await request(`${url}${path}`, options).catch(away);
    if (answer.statusCode === 200) return answer;
    throw new Error(
      `the Codex sidecar answered ${answer.statusCode}: ${reasonIn(await textIn(answer.body))}`,
    );
  }

  return {
    async call(path: string, body: object = {}): Promise<Record<string, unknown>> {
      const { body: text } = await ask(path, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify({ session_id: id, ...body }),
        headersTimeout: CALL_MS,
        bodyTimeout: CALL_MS,
      });
      return objectIn(await textIn(text));
    },
    async events(): Promise<AsyncIterable<Uint8Array>> {
      const limits = { headersTimeout: CALL_MS, bodyTimeout: SILENCE_MS, signal };
      const { body } = await ask(`/events/${encodeURIComponent(id)}`, { headers, ...limits });
      return body;
    },
  };
}

function eventIn(line: Buffer): object | undefined {
  const text = line.toString("utf8");
  if (!text.startsWith("data:")) return undefined;
  try {
    const value: unknown = JSON.parse(text.slice("data:".length));
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The body of an answer. Throws if it is longer than any that the sidecar gives. */
async function textIn(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > MOST_ANSWER_BYTES)
      throw new Error(`the Codex sidecar answered more than ${MOST_ANSWER_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function objectIn(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** Some of its refusals are web pages. */
function reasonIn(text: string): string {
  try {
    return String((JSON.parse(text) as { error?: unknown }).error);
  } catch {
    return "no reason given";
  }
}
