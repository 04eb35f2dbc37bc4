import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { bareEnv } from "../../support/bare-env.ts";
import type { TestBroker } from "../../support/broker.ts";
import { mainOf } from "../../support/bundle/main-of.ts";
import { eventually } from "../../support/eventually.ts";
import { serveHttp, type Got, type HttpServer } from "../../support/http-server.ts";
import { startTestServe, type TestServe } from "../../support/serve.ts";
import { sessionsBroker } from "../session-log/harness.ts";

/** Runs its prompt as a shell script, and says what that said: an agent that does what it is asked, spoken to as `codex exec`. */
const AGENT = `#!${process.execPath}
const { spawnSync } = require("node:child_process");
const { readFileSync } = require("node:fs");
const say = (it) => console.log(JSON.stringify(it));
say({ type: "thread.started", thread_id: "thread" });
const { stdout, stderr } = spawnSync("sh", ["-c", readFileSync(0, "utf8")], { encoding: "utf8" });
say({ type: "item.completed", item: { id: "1", type: "agent_message", text: stdout + stderr } });
say({ type: "turn.completed", usage: {} });
`;

/** What the back end answers for a credential: by default it has none. */
export type BackEndAnswer = { status: number; body?: unknown; headers?: Record<string, string> };
export type AnswerOf = (provider: string, got: Got) => BackEndAnswer | "silence" | undefined;

export type WorkerRun = {
  process: ChildProcess;
  log: () => string;
  ended: Promise<number | null>;
};

export type World = {
  broker: TestBroker;
  serve: TestServe;
  serveLog: () => string;
  /** The data folder of workers. */
  data: string;
  backEnd: HttpServer;
  /** What it answers from now on. */
  answer(of: AnswerOf): void;
  startWorker(env?: Record<string, string>): Promise<WorkerRun>;
  /** Starts a turn that runs a shell script. */
  begin(script: string, of?: TurnOf): Promise<string>;
  /** The same, until it has ended. */
  run(script: string, of?: TurnOf): Promise<Ended>;
  ended(session: string): Promise<Ended>;
  [Symbol.asyncDispose](): Promise<void>;
};

type TurnOf = { caller?: string; session?: string; options?: Record<string, unknown> };
/** `said`: the texts of the agent. */
type Ended = {
  outcome: string;
  code?: string;
  message?: string;
  said: string;
  events: unknown[];
  session: string;
};

export async function startWorld(): Promise<World> {
  const broker = await sessionsBroker();
  const data = mkdtempSync(join(tmpdir(), "rr-credentials-"));
  const agent = join(data, "agent.cjs");
  writeFileSync(agent, AGENT);
  chmodSync(agent, 0o755);
  let lines = "";
  const serve = await startTestServe(broker, { onLine: (line) => (lines += line) });
  let answerOf: AnswerOf = () => undefined;
  const backEnd = await serveHttp((response, got) => reply(response, answerOf(providerOf(got.target), got)));
  const workers: WorkerRun[] = [];
  let sessions = 0;

  async function begin(script: string, of: TurnOf = {}): Promise<string> {
    const session = of.session ?? `s${++sessions}`;
    await serve.call("POST", "/sessions", { session_id: session, agent: "codex", options: of.options });
    const headers = of.caller === undefined ? {} : { "x-caller-token": of.caller };
    const turn = { user_input: script };
    const { status } = await serve.call("POST", `/sessions/${session}/turns`, turn, headers);
    expect(status).toBe(202);
    return session;
  }

  async function ended(session: string): Promise<Ended> {
    return await eventually(async () => {
      const { json: listed } = await serve.call("GET", `/sessions/${session}/turns`);
      const { turns } = listed as { turns: { ended_at: string | null }[] };
      expect(turns.map((turn) => turn.ended_at)).not.toContain(null);
      const { json } = await serve.call("GET", `/sessions/${session}/events?limit=1000`);
      type Event = { type: string; data: Record<string, unknown> };
      const events = (json as { events: Event[] }).events;
      const said = events.filter(({ type }) => type === "text").map(({ data: it }) => String(it["text"]));
      const last = events.findLast(({ type }) => type === "turn_ended")?.data as unknown as Ended;
      return { ...last, said: said.join(""), events, session };
    });
  }

  return {
    broker,
    serve,
    serveLog: () => lines,
    data,
    backEnd,
    answer: (of) => void (answerOf = of),
    async startWorker(env = {}) {
      const { servers, user = "", password = "" } = broker.access("worker");
      const run = startWorker({
        RUNNER_RELAY_DATA: data,
        NATS_URL: servers.join(","),
        NATS_USER: user,
        NATS_PASSWORD: password,
        RUNNER_RELAY_AGENT: "codex",
        RUNNER_RELAY_CODEX_COMMAND: agent,
        RUNNER_RELAY_CODEX_EXEC: "true",
        RUNNER_RELAY_CREDENTIALS_URL: `${backEnd.url}/api`,
        RUNNER_RELAY_CREDENTIALS_PROJECT: "proj",
        RUNNER_RELAY_LOG_LEVEL: "trace",
        ...env,
      });
      workers.push(run);
      await eventually(() => expect(run.log()).toMatch(/worker ready|"level":60/));
      return run;
    },
    begin,
    run: async (script, of) => await ended(await begin(script, of)),
    ended,
    async [Symbol.asyncDispose]() {
      for (const { process } of workers) process.kill("SIGKILL");
      await Promise.all(workers.map((it) => it.ended));
      await serve[Symbol.asyncDispose]();
      await backEnd[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
      rmSync(data, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function startWorker(env: Record<string, string>): WorkerRun {
  const child = spawn(process.execPath, [mainOf("worker")], {
    env: { ...bareEnv(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stdout.on("data", (chunk: Buffer) => (log += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { process: child, log: () => log, ended };
}

/** What stands behind `credentials/` in the URL. */
function providerOf(target: string): string {
  return /\/credentials\/(.+)$/.exec(target)?.[1] ?? "";
}

function reply(response: ServerResponse, answer: BackEndAnswer | "silence" | undefined): void {
  if (answer === "silence") return;
  const { status, body, headers = {} } = answer ?? { status: 404 };
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body ?? {}));
}
