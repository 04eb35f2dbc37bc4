import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createRunner } from "../agents/running.ts";
import { makeOwnFolder } from "../shared/base/own-folder.ts";
import type { ExecutorAgent } from "./executor.ts";

/** What is remembered of a session, as a file. */
type Memory = {
  session_id: string;
  executor_session_id: string;
  created_at: string;
  messages: { role: "user" | "assistant"; content: string; timestamp: string }[];
  last_resumed_at?: string;
};

/** The scripted agent, to try a runner out without a model: it answers what it received, and remembers in `folder` which sessions it began. `now`: ISO time. */
export function testAgent({
  folder,
  random,
  now,
}: {
  folder: string;
  random: () => string;
  now: () => string;
}): ExecutorAgent {
  const fileOf = (session: string): string => join(folder, `${nameOf(session)}.json`);

  /** True for a session that was not known. */
  function take(session: string, prompt: string, reply: string): { isNew: boolean; id: string } {
    makeOwnFolder(folder);
    const file = fileOf(session);
    const before = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Memory) : undefined;
    const said = [
      { role: "user" as const, content: prompt, timestamp: now() },
      { role: "assistant" as const, content: reply, timestamp: now() },
    ];
    const { messages, ...known } = before ?? {
      session_id: session,
      executor_session_id: random(),
      created_at: now(),
      messages: [],
    };
    const resumed = before === undefined ? {} : { last_resumed_at: now() };
    const memory = { ...known, messages: [...messages, ...said], ...resumed };
    writeFileSync(file, JSON.stringify(memory, null, 2), { mode: 0o600 });
    return { isNew: before === undefined, id: memory.executor_session_id };
  }

  const runner = createRunner("test", (session, prompt) => ({
    over: (async () => {
      const reply = `[TEST-EXECUTOR] Received: ${prompt}`;
      const { isNew, id } = take(session.id, prompt, reply);
      if (isNew) session.emit({ type: "header", threadId: id });
      session.emit({ type: "output", output: { kind: "final", text: reply } });
      session.emit({ type: "awaiting_input" });
    })(),
    stop: () => null,
  }));

  return {
    name: "test",
    runner,
    remembers: true,
    bare: true,
    refuses({ mode, sessionId }) {
      const known = existsSync(fileOf(sessionId));
      if (mode === "start" && known) return `Session '${sessionId}' already exists locally`;
      if (mode === "resume" && !known) return `Session '${sessionId}' not found locally`;
      return undefined;
    },
  };
}

/** A session's id as the name of a file. */
function nameOf(session: string): string {
  if (/^[\w-]{1,100}$/.test(session)) return session;
  return createHash("sha256").update(session).digest("hex");
}
