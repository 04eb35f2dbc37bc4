import type { AgentProcess } from "../agent.ts";
import { readLines } from "../lines.ts";
import type { ApprovalChoice, RunnerSession } from "../port.ts";
import type { Running } from "../running.ts";
import { NEW_EXEC_READING, readExec } from "./exec-reading.ts";
import { settingFlags, type CodexConfig } from "./options.ts";

/** Longest line: a tool may have read a whole file. */
const MOST_LINE_BYTES: number = 64 * 1024 * 1024;
const MOST_STDERR = 2000;

/** Nobody can be asked here, so that what would be asked for is not possible at all. */
const SANDBOX: Record<ApprovalChoice, readonly string[]> = {
  0: ["--sandbox", "read-only"],
  1: ["--sandbox", "workspace-write"],
  2: ["--dangerously-bypass-approvals-and-sandbox"],
};

/** Arguments of a turn. The prompt comes on stdin. Pure. */
export function execArguments(
  config: CodexConfig,
  turn: { workspace: string | undefined; threadId: string | undefined; choice: ApprovalChoice },
): string[] {
  return [
    "exec",
    "--json",
    "--skip-git-repo-check",
    ...settingFlags(config),
    ...SANDBOX[turn.choice],
    ...(config.model === undefined ? [] : ["-m", config.model]),
    ...(turn.workspace === undefined ? [] : ["-C", turn.workspace]),
    ...(turn.threadId === undefined ? [] : ["resume", turn.threadId]),
    "-",
  ];
}

/** Runs a turn by `codex exec`, where there is no app server: it hears nothing in its turn, and asks nobody. */
export function beginExec(
  config: CodexConfig,
  session: RunnerSession,
  prompt: string,
  choice: ApprovalChoice,
): Running {
  let child: AgentProcess | undefined;
  let stopped = false;
  let reading = NEW_EXEC_READING;

  async function run(): Promise<void> {
    const { workspace, threadId } = session;
    const args = execArguments(config, { workspace, threadId, choice });
    child = await session.spawn({ file: config.command, args, env: config.env });
    if (stopped) child.stop();
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-MOST_STDERR)));
    child.stdin.end(prompt);
    for await (const line of readLines(child.stdout, MOST_LINE_BYTES)) {
      const [next, reports] = readExec(reading, objectIn(line));
      reading = next;
      for (const it of reports) if (!stopped || it.type !== "error") session.emit(it);
      await session.room();
    }
    const { code } = await child.ended;
    if (stopped || reading.end !== undefined) return;
    if (code === 0) throw new Error("codex ended without a result");
    throw new Error(`codex ended with ${code}${said.trim() === "" ? "" : `: ${said.trim()}`}`);
  }

  return {
    over: run(),
    async stop() {
      stopped = true;
      child?.stop();
      return (await child?.ended)?.code ?? null;
    },
  };
}

function objectIn(line: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line.toString("utf8"));
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {}; // a line that is no event says nothing
  }
}
