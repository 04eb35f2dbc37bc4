import type { Dispatcher } from "undici";
import { errorText } from "../../shared/base/errors.ts";
import { readLines } from "../lines.ts";
import { RunnerUnavailableError, type ApprovalChoice, type RunnerSession } from "../port.ts";
import type { Running } from "../running.ts";
import { NEW_READING, readEvent } from "./reading.ts";

type AskOptions = Omit<Dispatcher.RequestOptions, "origin" | "path" | "method"> & { method?: "POST" };

export type SidecarConfig = { url: string; token: string | undefined };

/** For an answer of a route. */
const CALL_MS = 10_000;
/** It sends a heartbeat every 5 s while a turn runs. */
const SILENCE_MS = 60_000;
/** How often a broken stream is opened again. The sidecar keeps what came in between for the next stream. */
const MOST_STREAMS = 5;

const CANNOT_ASK =
  "the Codex sidecar cannot ask; choose accept_edits or bypass for this session, or the adapter `codex`";

/** Runs a turn at the sidecar. Each turn is a session of its own there, so that nothing of an earlier one, kept or queued, gets into it; the thread goes on. */
export function beginTurn(
  config: SidecarConfig,
  session: RunnerSession,
  prompt: string,
  choice: ApprovalChoice,
): Running {
  const id = `${session.id}.${session.turn}`;
  const ended = new AbortController();
  const sidecar = sidecarAt(config, id, ended.signal);
  let reading = NEW_READING;
  let begun = false;
  let stopped = false;

  /** Reads one stream. Returns when it breaks, or everything was said. */
  async function listen(body: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const line of readLines(body)) {
      const event = eventIn(line);
      if (event === undefined) continue;
      const [next, reports] = readEvent(reading, event);
      reading = next;
      for (const it of reports) session.emit(it);
      await session.room();
      if (reading.open === 0) return;
    }
  }

  async function start(): Promise<void> {
    await sidecar.call("/sessions/start", { prompt, approval_choice: choice, ...placeOf(session) });
    begun = true;
    if (stopped) await sidecar.call("/sessions/interrupt");
  }

  async function run(): Promise<void> {
    // the sidecar never asks: with 0 it would do everything
    if (choice === 0) throw new Error(CANNOT_ASK);
    try {
      for (let streams = 0; reading.open > 0 && !stopped; streams++) {
        if (streams === MOST_STREAMS) throw new Error("the Codex sidecar's events broke off");
        const body = await sidecar.events();
        if (streams === 0) await start();
        await listen(body).catch((error: unknown) => {
          if (error instanceof Error && error.name === "BodyTimeoutError") throw error;
        });
      }
    } catch (error) {
      if (!stopped) throw error;
    } finally {
      ended.abort();
    }
  }

  return {
    over: run(),
    async input(text) {
      if (!begun) throw new Error("the turn has not begun");
      const { queued } = await sidecar.call("/sessions/input", { text });
      if (queued === true) reading = { ...reading, open: reading.open + 1 };
    },
    async stop() {
      stopped = true;
      if (begun) await sidecar.call("/sessions/interrupt").catch(() => undefined);
      ended.abort();
      return null;
    },
  };
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
    throw new Error(`the Codex sidecar answered ${answer.statusCode}: ${reasonIn(await answer.body.text())}`);
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
      return (await text.json()) as Record<string, unknown>;
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

/** Some of its refusals are web pages. */
function reasonIn(text: string): string {
  try {
    return String((JSON.parse(text) as { error?: unknown }).error);
  } catch {
    return "no reason given";
  }
}
