import { createRequire } from "node:module";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { acpRunner } from "../../src/agents/acp/index.ts";
import { codexRunner, type CodexConfig } from "../../src/agents/codex/index.ts";
import { execArguments } from "../../src/agents/codex/exec.ts";
import { sidecarRunner } from "../../src/agents/codex-sdk-sidecar/index.ts";
import { cliSdk } from "../../src/agents/claude-subprocess/cli.ts";
import { claudeSubprocess, CLAUDE_SDK } from "../../src/agents/claude-subprocess/index.ts";
import type { Sdk } from "../../src/agents/claude-subprocess/sdk.ts";
import { claudeApi } from "../../src/agents/claude-api/index.ts";
import type { Runner } from "../../src/agents/port.ts";
import { systemClock } from "../../src/shared/base/clock.ts";
import { serveResponses } from "./responses-api.ts";
import { serveSidecar } from "./sidecar.ts";
import { serveMessages } from "./messages-api.ts";
import type { Model } from "./model.ts";
import type { AdapterName } from "./table.ts";
import { ENV } from "./world.ts";

// One entry per adapter: how it is started at a scripted model. table.ts says what it cannot do.

/** `die`: of an adapter whose program is the worker itself. Its connections break off, and a runner that knows nothing takes its place. */
type Started = AsyncDisposable & { runner: Runner; die?: () => Runner };

/** An adapter whose real program runs at a model of ours. */
export type Adapter = {
  name: AdapterName;
  /** The runner, whose program asks `model`. It is disposed of with everything that it needs. */
  start(model: Model): Promise<Started>;
  /** What it runs is another program's to end. */
  runsElsewhere?: boolean;
  /** What its sessions choose, if that is not `ask`. */
  approval?: "accept_edits";
  /** False if what a tool says does not come over. */
  passesOutput?: boolean;
};

/** A program of a package of this folder. */
const PROGRAM = (name: string): string => join(import.meta.dirname, "node_modules/.bin", name);
const require = createRequire(import.meta.url);

/** Loads a package of this folder. */
async function load<T>(name: string): Promise<T> {
  return (await import(pathToFileURL(require.resolve(name)).href)) as T;
}

/** Claude Code by the Agent SDK, or by its own lines. */
function claude(name: AdapterName, sdkOf: () => Promise<Sdk>): Adapter {
  return {
    name,
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
      const runner = claudeSubprocess(config, systemClock, sdkOf);
      return { runner, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() };
    },
  };
}

/** The CLI that the SDK brings, as a user has it. */
const CLI = (): string =>
  join(import.meta.dirname, `node_modules/${CLAUDE_SDK}-${process.platform}-${process.arch}/claude`);

const api: Adapter = {
  name: "claude_api",
  async start(model) {
    const server = await serveMessages(model, (command) => ({ name: "bash", input: { command } }));
    const config = { model: "claude-sonnet-4-5", apiKey: "dummy", baseUrl: server.url };
    const begin = (): Runner => claudeApi(config, systemClock, () => load("@anthropic-ai/sdk"));
    const die = (): Runner => {
      server.breakOff();
      return begin();
    };
    return { runner: begin(), die, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  },
};

function codexAt(url: string): CodexConfig {
  return {
    command: PROGRAM("codex"),
    model: "gpt-5-codex",
    env: { CODEX_HOME: mkdtempSync(join(tmpdir(), "rr-codex-")), SCRIPTED_KEY: "dummy" },
    settings: [
      "model_provider=scripted",
      "model_providers.scripted.name=scripted",
      `model_providers.scripted.base_url=${url}`,
      "model_providers.scripted.env_key=SCRIPTED_KEY",
      "model_providers.scripted.wire_api=responses",
    ],
  };
}

/** Codex at a provider on loopback, with a folder of its own. */
function codex(name: AdapterName, exec: boolean): Adapter {
  return {
    name,
    async start(model) {
      const server = await serveResponses(model);
      const runner = codexRunner({ ...codexAt(server.url), exec }, systemClock);
      return { runner, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
    },
  };
}

/** The agent of the Agent Client Protocol that runs Claude Code. */
const acp: Adapter = {
  name: "acp",
  async start(model) {
    const server = await serveMessages(model, (command) => ({
      name: "Bash",
      input: { command, description: "scripted" },
    }));
    const env = {
      ANTHROPIC_BASE_URL: server.url,
      ANTHROPIC_API_KEY: "dummy",
      ANTHROPIC_MODEL: "claude-sonnet-4-5",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      CLAUDE_CODE_MAX_RETRIES: "4",
      CLAUDE_CONFIG_DIR: mkdtempSync(join(tmpdir(), "rr-acp-")),
    };
    const runner = acpRunner({ command: [PROGRAM("claude-agent-acp")], env }, systemClock);
    return { runner, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  },
};

/** The sidecar's contract over `codex exec`. It takes everything but `ask`. */
const sidecar: Adapter = {
  name: "codex_sdk_sidecar",
  async start(model) {
    await using starting = new AsyncDisposableStack();
    const server = starting.use(await serveResponses(model));
    const { command, env, ...config } = codexAt(server.url);
    const args = execArguments(
      { command, env, ...config },
      { workspace: undefined, threadId: undefined, choice: 2 },
    );
    const at = { command, args: args.slice(0, -1), env: { ...ENV, ...env } };
    const { url } = starting.use(await serveSidecar(at));
    const scope = starting.move();
    const runner = sidecarRunner({ url, token: undefined }, systemClock);
    return { runner, [Symbol.asyncDispose]: () => scope.disposeAsync() };
  },
  approval: "accept_edits",
  passesOutput: false,
  runsElsewhere: true,
};

export const ADAPTERS: readonly Adapter[] = [
  claude("claude_subprocess", () => load(CLAUDE_SDK)),
  claude("claude_subprocess without the SDK", async () => cliSdk(CLI(), systemClock)),
  api,
  codex("codex", false),
  codex("codex exec", true),
  sidecar,
  acp,
];
