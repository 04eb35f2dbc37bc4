import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { json } from "node:stream/consumers";

// A sidecar with the HTTP contract of Tether's: it runs the real `codex exec`, and tells of it what the original tells, in its order and with its words. Events without a listener are
// kept, inputs are queued while a turn runs, an interrupt forgets them, and one `exit` ends all of it.

/** How `codex exec` is run: the command with its arguments as far as a session does not decide. */
export type Sidecar = { command: string; args: readonly string[]; env: NodeJS.ProcessEnv };

type Session = {
  thread: string | undefined;
  workdir: string;
  choice: number;
  child: ChildProcess | undefined;
  queue: string[];
  listeners: Set<ServerResponse>;
  kept: string[];
};

/** Serves sidecar sessions until it is disposed of. */
export async function serveSidecar(of: Sidecar): Promise<AsyncDisposable & { url: string }> {
  const sessions = new Map<string, Session>();
  const sessionOf = (id: string): Session => {
    const it = sessions.get(id) ?? {
      thread: undefined,
      workdir: "/",
      choice: 2,
      child: undefined,
      queue: [],
      listeners: new Set(),
      kept: [],
    };
    sessions.set(id, it);
    return it;
  };
  const server = createServer((request, response) => void handle(of, sessionOf, request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const { child } of sessions.values()) child?.kill("SIGKILL");
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

async function handle(
  of: Sidecar,
  sessionOf: (id: string) => Session,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { url = "" } = request;
  if (url.startsWith("/events/")) {
    const session = sessionOf(decodeURIComponent(url.slice("/events/".length)));
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    for (const line of session.kept.splice(0)) response.write(line);
    session.listeners.add(response);
    return void response.once("close", () => session.listeners.delete(response));
  }
  const body = (await json(request)) as Record<string, string | number | undefined>;
  const answer = (data: object): void => {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(data));
  };
  const session = sessionOf(String(body["session_id"]));
  const text = String(body["prompt"] ?? body["text"] ?? "");
  if (url === "/sessions/interrupt") {
    session.queue = [];
    session.child?.kill("SIGTERM");
    return answer({ ok: true });
  }
  if (session.child !== undefined) {
    session.queue.push(text);
    return answer({ queued: true });
  }
  if (url === "/sessions/start" && !existsSync(String(body["workdir"])))
    return void response.writeHead(422).end(JSON.stringify({ error: "workdir not accessible" }));
  if (url === "/sessions/start") {
    session.workdir = String(body["workdir"]);
    session.choice = Number(body["approval_choice"]) || 2;
    session.thread = typeof body["thread_id"] === "string" ? body["thread_id"] : undefined;
  }
  void runTurn(of, session, text);
  answer({ ok: true });
}

function tell(session: Session, type: string, data: object): void {
  const line = `data: ${JSON.stringify({ type, data })}\n\n`;
  if (session.listeners.size === 0) session.kept.push(line);
  for (const it of session.listeners) it.write(line);
}

async function runTurn({ command, args, env }: Sidecar, session: Session, prompt: string): Promise<void> {
  const { thread, workdir } = session;
  const resume = thread === undefined ? [] : ["resume", thread];
  const child = spawn(command, [...args, "-C", workdir, ...resume, "-"], {
    cwd: workdir,
    env,
    stdio: ["pipe", "pipe", "ignore"],
  });
  session.child = child;
  child.stdin.end(prompt);
  const ended = once(child, "exit");
  let failed = false;
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as Event;
    failed ||= event.type === "turn.failed";
    tellOf(session, event);
  }
  const [code, signal] = (await ended) as [number | null, string | null];
  if (signal === "SIGKILL" || (code !== 0 && !failed && signal === null))
    tell(session, "error", { code: "INTERNAL_ERROR", message: `Codex Exec exited with ${code ?? signal}` });
  session.child = undefined;
  tell(session, "heartbeat", { elapsed_s: 1, done: true });
  tell(session, "metadata", { key: "duration_ms", value: 1, raw: "1" });
  const next = session.queue.shift();
  if (next === undefined) tell(session, "exit", { exit_code: 0 });
  else void runTurn({ command, args, env }, session, next);
}

type Event = {
  type: string;
  thread_id?: string;
  usage?: Record<string, number>;
  message?: string;
  error?: { message: string };
  item?: { type: string; text?: string; message?: string; command?: string; exit_code?: number };
};

function tellOf(session: Session, event: Event): void {
  const { type, item, usage } = event;
  if (type === "thread.started") {
    session.thread = event.thread_id;
    tell(session, "header", { title: "Codex SDK Sidecar", model: "default", thread_id: session.thread });
  }
  if (type === "turn.completed")
    for (const key of ["input_tokens", "cached_input_tokens", "output_tokens"])
      tell(session, "metadata", { key, value: usage?.[key], raw: String(usage?.[key]) });
  if (type === "error" || type === "turn.failed")
    tell(session, "error", { code: "INTERNAL_ERROR", message: event.error?.message ?? event.message });
  if (type !== "item.completed" || item === undefined) return;
  const of = { stream: "combined", kind: item.type === "agent_message" ? "final" : "step" };
  const text =
    item.type === "command_execution"
      ? `Command: ${item.command} (exit ${item.exit_code})`
      : (item.text ?? `Error: ${item.message}`);
  tell(session, "output", { ...of, text: `${text}\n`, final: of.kind === "final" });
}
