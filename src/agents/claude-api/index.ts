import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import { RunnerUnavailableError, type Runner, type RunnerSession } from "../port.ts";
import { createRunner, type Running } from "../running.ts";
import { keep, recall, RUNNER } from "./kept.ts";
import { talk, type Conversation } from "./loop.ts";
import { createMemory } from "./memory.ts";
import { loadApiSdk, type ApiSdk } from "./sdk.ts";

// loop.ts talks with the model, sdk.ts is what is used of the SDK, memory.ts what was said before, kept.ts has that in the session's log · tools.ts has the tools: files.ts and shell.ts, confined.ts keeps files in the workspace

/** What the settings say about the API. */
export type ApiConfig = {
  model: string | undefined;
  apiKey: string | undefined;
  baseUrl: string | undefined;
};

/** A model that the API still has for as long as this package is young; sessions and settings name others. */
const USUAL_MODEL = "claude-sonnet-4-20250514";
/** How often the SDK tries a request again: 0.5 + 1 + 2 + 4 s, or what `Retry-After` says each time. */
const API_RETRIES = 4;

/** Claude by its API, with tools of our own. `load`: the SDK, if it is not where this package is. */
export function claudeApi(config: ApiConfig, clock: Clock, load: () => Promise<ApiSdk> = loadApiSdk): Runner {
  const memory = createMemory();

  async function run(
    session: RunnerSession,
    { it, prompt, signal }: { it: Conversation; prompt: string; signal: AbortSignal },
  ): Promise<void> {
    if (session.archive !== undefined) await recall(session.archive, memory.nameOf(it), it);
    it.messages.push({ role: "user", content: prompt });
    await keeping(session, it);
    const { apiKey, baseUrl, model = USUAL_MODEL } = config;
    if (apiKey === undefined) throw new RunnerUnavailableError("claude_api needs ANTHROPIC_API_KEY");
    const { default: Client } = await load();
    const at = baseUrl === undefined ? {} : { baseURL: baseUrl };
    const client = new Client({ apiKey, ...at, maxRetries: API_RETRIES });
    const { model: own } = session.options;
    const named = typeof own === "string" ? own : model;
    session.emit({ type: "header", model: named, provider: "anthropic", threadId: memory.nameOf(it) });
    await talk({ client, model, clock, signal, keep: () => keeping(session, it) }, session, it);
  }

  /** What cannot be kept is said, and the turn goes on. */
  async function keeping(session: RunnerSession, it: Conversation): Promise<void> {
    if (session.archive === undefined) return;
    try {
      await keep(session.archive, memory.nameOf(it), it);
    } catch (error) {
      const message = `what was said is not in the session's log: ${errorText(error)}`;
      session.emit({ type: "error", code: "TRANSCRIPT_NOT_KEPT", message, recoverable: true });
    }
  }

  /** However it ends, the conversation can go on, and is kept. */
  async function wholeRun(
    session: RunnerSession,
    { it, prompt, stopped }: { it: Conversation; prompt: string; stopped: AbortController },
  ): Promise<void> {
    try {
      await run(session, { it, prompt, signal: stopped.signal });
    } catch (error) {
      memory.tidy(it);
      if (!stopped.signal.aborted) throw error;
    } finally {
      await keeping(session, it);
    }
  }

  return createRunner(RUNNER, (session, prompt): Running => {
    const stopped = new AbortController();
    const it = memory.of(session.threadId);
    const over = wholeRun(session, { it, prompt, stopped });
    return {
      over,
      async input(text) {
        it.unheard.push(text);
      },
      stop() {
        stopped.abort();
        return null;
      },
    };
  });
}
