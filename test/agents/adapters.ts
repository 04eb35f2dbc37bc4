import { createRequire } from "node:module";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { claudeSubprocess } from "../../src/agents/claude-subprocess/index.ts";
import { claudeApi } from "../../src/agents/claude-api/index.ts";
import type { Runner } from "../../src/agents/port.ts";
import { systemClock } from "../../src/shared/base/clock.ts";
import { serveMessages } from "./messages-api.ts";
import type { Model } from "./model.ts";
import type { StoryName } from "./stories.ts";

// One entry per adapter: how it is started at a scripted model, and what it cannot do.

/** An adapter whose real program runs at a model of ours. */
export type Adapter = {
  name: string;
  /** The runner, whose program asks `model`. It is disposed of with everything that it needs. */
  start(model: Model): Promise<AsyncDisposable & { runner: Runner }>;
  /** Stories that it cannot tell, and why. */
  cannot: Partial<Record<StoryName, string>>;
};

const require = createRequire(import.meta.url);

/** Loads a package of this folder. */
async function load<T>(name: string): Promise<T> {
  return (await import(pathToFileURL(require.resolve(name)).href)) as T;
}

const claude: Adapter = {
  name: "claude_subprocess",
  async start(model) {
    const api = await serveMessages(model, (command) => ({
      name: "Bash",
      input: { command, description: "scripted" },
    }));
    const config = {
      model: "claude-sonnet-4-5",
      apiKey: "dummy",
      baseUrl: api.url,
      folder: mkdtempSync(join(tmpdir(), "rr-claude-")),
      executable: undefined,
      root: process.getuid?.() === 0,
    };
    const runner = claudeSubprocess(config, systemClock, () => load("@anthropic-ai/claude-agent-sdk"));
    return { runner, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() };
  },
  cannot: {},
};

const api: Adapter = {
  name: "claude_api",
  async start(model) {
    const server = await serveMessages(model, (command) => ({ name: "bash", input: { command } }));
    const config = { model: "claude-sonnet-4-5", apiKey: "dummy", baseUrl: server.url };
    const runner = claudeApi(config, systemClock, () => load("@anthropic-ai/sdk"));
    return { runner, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  },
  cannot: { resume: "the API remembers nothing, and this adapter only for as long as its process lives" },
};

export const ADAPTERS: readonly Adapter[] = [claude, api];
