import type { Readable, Writable } from "node:stream";
import { importOptional } from "../optional-package.ts";

// What of @anthropic-ai/claude-agent-sdk is used, in types of our own: it is an optional peer, and need not be there when this is compiled.

export const SDK = "@anthropic-ai/claude-agent-sdk";

/** A message of the CLI. New types and members come often. */
export type SdkMessage = { type: string } & Record<string, unknown>;

/** What the user says. `uuid` names it in the messages that tell what became of it. */
export type SdkUserMessage = {
  type: "user";
  message: { role: "user"; content: string };
  parent_tool_use_id: null;
  uuid: string;
};

export type SdkPermission =
  | { behavior: "allow"; updatedInput: Record<string, unknown> }
  | { behavior: "deny"; message: string };

/** A process as the SDK wants it. */
export type SdkProcess = {
  stdin: Writable;
  stdout: Readable;
  killed: boolean;
  exitCode: number | null;
  kill(signal: NodeJS.Signals): boolean;
  on(event: "exit" | "error", listener: (...of: unknown[]) => void): unknown;
  once(event: "exit" | "error", listener: (...of: unknown[]) => void): unknown;
  off(event: "exit" | "error", listener: (...of: unknown[]) => void): unknown;
};

/** What is decided before a tool is used; nothing leaves it to the CLI's own rules. */
export type SdkHookOutput = {
  hookSpecificOutput?: {
    hookEventName: "PreToolUse";
    permissionDecision: "allow" | "deny" | "ask";
    permissionDecisionReason: string;
  };
};

/** Where a transcript lies. `subpath`: that of an agent of the agent. */
export type SdkKey = { projectKey: string; sessionId: string; subpath?: string };

/** An entry of a transcript. Most have a `uuid`. */
export type SdkEntry = { type: string; uuid?: string } & Record<string, unknown>;

/** A second place of transcripts. What `append` rejects is tried three times, then a message `mirror_error` comes. */
export type SdkStore = {
  append(key: SdkKey, entries: SdkEntry[]): Promise<void>;
  /** A transcript to resume by; null: the CLI has its own. */
  load(key: SdkKey): Promise<SdkEntry[] | null>;
  listSubkeys(key: SdkKey): Promise<string[]>;
};

export type SdkOptions = {
  cwd?: string;
  env: Record<string, string>;
  model?: string;
  resume?: string;
  maxTurns?: number;
  settingSources: readonly string[];
  systemPrompt: string | { type: "preset"; preset: "claude_code" };
  permissionMode: string;
  allowDangerouslySkipPermissions?: boolean;
  includePartialMessages: boolean;
  disallowedTools: readonly string[];
  mcpServers?: Record<string, unknown>;
  outputFormat?: { type: "json_schema"; schema: unknown };
  pathToClaudeCodeExecutable?: string;
  sessionStore?: SdkStore;
  /** `eager`: each entry at once, so that a turn that is killed lies in the log as well. */
  sessionStoreFlush?: "eager";
  canUseTool(
    name: string,
    input: Record<string, unknown>,
    of: { toolUseID?: string; title?: string },
  ): Promise<SdkPermission>;
  hooks: { PreToolUse: { hooks: ((input: unknown) => Promise<SdkHookOutput>)[] }[] };
  spawnClaudeCodeProcess(of: {
    command: string;
    args: string[];
    env: Record<string, string | undefined>;
  }): SdkProcess;
};

export type SdkQuery = AsyncIterable<SdkMessage> & {
  interrupt(): Promise<unknown>;
  setPermissionMode(mode: string): Promise<unknown>;
  close(): void;
};

export type Sdk = {
  /** It has no second place for transcripts. */
  storeless?: true;
  query(of: { prompt: AsyncIterable<SdkUserMessage>; options: SdkOptions }): SdkQuery;
};

/** Loads the SDK. Throws `AGENT_UNAVAILABLE` if it is not there. */
export async function loadSdk(): Promise<Sdk> {
  return (await importOptional(SDK)) as Sdk;
}
