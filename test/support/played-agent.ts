import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { PassThrough } from "node:stream";
import { createInterface } from "node:readline";
import type { AgentCommand, AgentProcess, SpawnAgent } from "../../src/agents/agent.ts";
import type { Reported, RunnerSession } from "../../src/agents/port.ts";

/** Lines of a recorded sample. */
export function sampleOf(name: string): Record<string, unknown>[] {
  const file = resolve(import.meta.dirname, "../fixtures/samples", `${name}.ndjson`);
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A program that is played: `answer` gives what it says to each of our lines. */
export type Played = {
  spawn: SpawnAgent;
  heard: Record<string, unknown>[];
  commands: AgentCommand[];
  /** Has it say something by itself. */
  say(...messages: object[]): void;
  /** Has it say something on stderr. */
  complain(text: string): void;
  /** Ends it. */
  end(code: number): void;
};

export function playAgent(answer: (message: Record<string, unknown>) => readonly object[]): Played {
  const heard: Record<string, unknown>[] = [];
  const commands: AgentCommand[] = [];
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const ended = Promise.withResolvers<{ code: number | null; signal: NodeJS.Signals | null }>();
  const say = (...messages: object[]): void => {
    for (const message of messages) stdout.write(`${JSON.stringify(message)}\n`);
  };
  const end = (code: number): void => {
    stdout.end();
    ended.resolve({ code, signal: null });
  };
  return {
    heard,
    commands,
    say,
    complain: (text) => void stderr.write(text),
    end,
    spawn(command): Promise<AgentProcess> {
      commands.push(command);
      const stdin = new PassThrough();
      createInterface({ input: stdin }).on("line", (line) => {
        const message = JSON.parse(line) as Record<string, unknown>;
        heard.push(message);
        say(...answer(message));
      });
      return Promise.resolve({ stdin, stdout, stderr, ended: ended.promise, stop: () => end(0) });
    },
  };
}

/** A session in a turn, and what its runner said. */
export type PlayedSession = RunnerSession & { said: Reported[]; asks: unknown[] };

export function playSession(
  spawn: SpawnAgent,
  of: Partial<Pick<RunnerSession, "threadId" | "options" | "ask">> = {},
): PlayedSession {
  const said: Reported[] = [];
  const asks: unknown[] = [];
  return {
    id: "ses_1",
    user: "ann",
    workspace: "/home/dev/work",
    metadata: {},
    options: {},
    turn: "turn_1",
    request: {},
    threadId: undefined,
    ruling: undefined,
    spawn,
    room: () => Promise.resolve(),
    emit: (event) => void said.push(event),
    ...of,
    ask(asked) {
      asks.push(asked);
      return of.ask?.(asked) ?? Promise.resolve({ allow: true });
    },
    said,
    asks,
  };
}

/** What was said, one word or line each, without what differs from run to run. */
export function plainly(said: readonly Reported[]): string[] {
  const words: string[] = [];
  for (const it of said) {
    if (it.type !== "output") words.push(it.type === "error" ? `error ${it.code}` : it.type);
    else if (it.output.kind === "piece") {
      const before = words.at(-1);
      const name = `${it.output.of} `;
      if (before?.startsWith(name)) words[words.length - 1] = before + it.output.text;
      else words.push(name + it.output.text);
    } else if (it.output.kind === "tool_call") words.push(`tool_call ${it.output.name}`);
    else if (it.output.kind === "tool_result")
      words.push(`tool_result ${it.output.isError ? "failed" : "ok"} ${it.output.content.slice(0, 40)}`);
    else if (it.output.kind === "other") words.push(`status ${String(it.output.data["status"])}`);
    else if (it.output.kind === "iteration") words.push("iteration");
    else words.push(`${it.output.kind} whole ${it.output.text.slice(0, 30)}`);
  }
  return words;
}
