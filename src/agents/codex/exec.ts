import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseJsonWithin, type JsonLimits } from "../../shared/base/json-scan.ts";
import type { AgentProcess } from "../agent.ts";
import { programFailure } from "../failure.ts";
import { readLines } from "../lines.ts";
import type { ApprovalChoice, RunnerSession } from "../port.ts";
import type { Running } from "../running.ts";
import { newExecReading, readExec } from "./exec-reading.ts";
import { settingFlags, type CodexConfig } from "./options.ts";

/** Longest line: a tool may have read a whole file. */
const MOST_LINE_BYTES: number = 64 * 1024 * 1024;
/** Deeper lines cannot be shown. */
const LINE: JsonLimits & { bytes: number } = { bytes: MOST_LINE_BYTES, depth: 128, values: 1_000_000 };
const MOST_STDERR = 2000;
/** How long it has to end before it is killed: a stop is over within a second. */
const END_MS = 900;

/** Nobody can be asked here, so that what would be asked for is not possible at all. */
const SANDBOX: Record<ApprovalChoice, readonly string[]> = {
  0: ["--sandbox", "read-only"],
  1: ["--sandbox", "workspace-write"],
  2: ["--dangerously-bypass-approvals-and-sandbox"],
};

/** Arguments of a turn. The prompt comes on stdin. Pure. */
export function execArguments(
  config: CodexConfig,
  turn: {
    workspace: string | undefined;
    threadId: string | undefined;
    choice: ApprovalChoice;
    schema?: string | undefined;
  },
): string[] {
  return [
    "exec",
    "--json",
    "--skip-git-repo-check",
    ...settingFlags(config),
    ...SANDBOX[turn.choice],
    ...(config.model === undefined ? [] : ["-m", config.model]),
    ...(turn.workspace === undefined ? [] : ["-C", turn.workspace]),
    ...(turn.schema === undefined ? [] : ["--output-schema", turn.schema]),
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
  const { output_schema: wanted } = session.options;
  const wantsData = typeof wanted === "object" && wanted !== null;
  let reading = newExecReading(wantsData);

  async function run(schema: string | undefined): Promise<void> {
    const { workspace, threadId } = session;
    const args = execArguments(config, { workspace, threadId, choice, schema });
    child = await session.spawn({ file: config.command, args, env: config.env });
    if (stopped) child.stop(END_MS);
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
    const how = code === 0 ? "codex ended without a result" : `codex ended with ${code}`;
    throw programFailure(new Error(how), said.trim());
  }

  return {
    over: wantsData ? withFile(wanted, run) : run(undefined),
    async stop() {
      stopped = true;
      child?.stop(END_MS);
      return (await child?.ended)?.code ?? null;
    },
  };
}

/** Calls `use` with a file that holds `value` for that long: Codex takes a schema in no other way. */
async function withFile(value: object, use: (file: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "runner-relay-schema-"));
  try {
    const file = join(folder, "schema.json");
    await writeFile(file, JSON.stringify(value), { mode: 0o600 });
    await use(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A line that is no event says nothing. */
function objectIn(line: Buffer): Record<string, unknown> {
  const value = parseJsonWithin(line, LINE);
  return typeof value === "object" && value !== null ? { ...value } : {};
}
