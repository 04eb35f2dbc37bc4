import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Agent } from "../../src/agents/agent.ts";
import { systemClock } from "../../src/shared/base/clock.ts";
import { createLogger } from "../../src/shared/base/logger.ts";
import { connectBroker } from "../../src/shared/log/broker.ts";
import { WORKER_INBOX } from "../../src/shared/log/schema/subjects.ts";
import { startWorkerProcess } from "../../src/worker/process.ts";
import { openRoots } from "../../src/worker/roots/root.ts";

// A worker as the product starts it, but for its agents, which a session chooses by name.

const { env } = process;
const text = (name: string): string => env[name] ?? "";
const WRITER = new URL("writer.sh", import.meta.url).pathname;
/** Lines of most turns, a second, and of some, which still run when another worker has their session. */
const LINES = "20";
const MANY_LINES = "160";

/** Runs writer.sh, which writes a file in the session's folder, mostly outside its process group. */
const writing: Agent = {
  async run({ turn, spawn }, events, signal) {
    const own = turn.endsWith("0"); // every tenth stays in its group
    const lines = /[369]$/.test(turn) ? MANY_LINES : LINES;
    const command = ["bash", WRITER, turn, lines];
    const [file = "", ...args] = own ? command : ["setsid", "--wait", ...command];
    const child = await spawn({ file, args });
    signal.addEventListener("abort", () => child.stop());
    createInterface({ input: child.stdout }).on("line", (i) => events.tell("tool_call", { i }));
    child.stderr.on("data", (chunk: Buffer) => process.stderr.write(chunk));
    const { code } = await child.ended;
    appendFileSync(text("RUNS_FILE"), `${turn}\n`);
    return { outcome: code === 0 ? "finished" : "failed" };
  },
};

/** Asks once, and writes what it was allowed. */
const asking: Agent = {
  async run({ turn, session }, events) {
    const { allow: allowed } = await events.ask({ tool: "rm" });
    if (allowed) writeFileSync(join(session.workspace ?? "", `allowed-${turn}`), "");
    return { outcome: "finished", data: { allowed } };
  },
};

const log = createLogger({ name: "worker", level: "info", lines: process.stderr });
const nc = await connectBroker(
  { servers: text("NATS_URL").split(","), user: text("NATS_USER"), password: text("NATS_PASSWORD") },
  { name: "worker", inboxPrefix: WORKER_INBOX, waitMs: 30_000 },
);
const running = await startWorkerProcess(
  {
    name: text("WORKER_NAME"),
    agents: { of: (name) => (name === "asking" ? asking : writing) },
    roots: openRoots([text("WORKSPACES")], "machine"),
    shared: false,
    maxBytes: 1e9,
    maxTurnMs: 60 * 60 * 1000,
    mostMemory: 4e9,
    env,
    pidFolder: `${text("WORKSPACES")}-pids`,
  },
  {
    nc,
    clock: systemClock,
    log,
    fatal(error) {
      throw error;
    },
  },
);
process.once("disconnect", () => process.exit(1));
process.once("SIGTERM", () => void running.close().then(() => process.exit(0)));
process.stdout.write(`${JSON.stringify({ ready: true, url: "none" })}\n`);
