import { scanJson, type JsonLimits } from "../shared/base/json-scan.ts";

/** The version of the invocation that runners of today send, and the only one that is taken. */
export const SCHEMA_VERSION = "2.2";

/** Limits of a line from the runner. The bytes are those of the largest body that a gateway takes: what started the run came through one. */
export const LINE: JsonLimits & { bytes: number } = { bytes: 4 * 1024 * 1024, depth: 64, values: 200_000 };

export type JsonObject = Record<string, unknown>;

/** What an agent is like, as the coordinator and the runner have resolved it. */
export type Blueprint = {
  systemPrompt: string | undefined;
  /** By name, as the coordinator has them: `{url, config}`. */
  mcpServers: JsonObject;
  /** The input has a form of its own, and need not have a prompt. */
  hasInputs: boolean;
  /** The result is data of this JSON schema. */
  outputSchema: JsonObject | undefined;
};

/** What a runner asks of an executor: its first line. */
export type Invocation = {
  mode: "start" | "resume";
  sessionId: string;
  parameters: JsonObject;
  projectDir: string | undefined;
  blueprint: Blueprint;
  /** `config` of the runner's profile. */
  config: JsonObject;
};

export type ReadInvocation =
  | { ok: true; invocation: Invocation; warnings: string[] }
  | { ok: false; problem: string };

const REQUIRED = ["schema_version", "mode", "session_id", "parameters"] as const;
const KNOWN: readonly string[] = [
  ...REQUIRED,
  "project_dir",
  "agent_name",
  "agent_blueprint",
  "executor_config",
  "metadata",
];

/** Reads the first line. A problem has the words of the original executors, where those have any. Pure. */
export function readInvocation(line: Uint8Array): ReadInvocation {
  if (isBlank(line)) return bad("No input received on stdin");
  const parsed = parseLine(line);
  if (!parsed.ok) return bad(`Invalid JSON: ${parsed.problem}`);
  const { value: of } = parsed;
  for (const name of REQUIRED) if (!Object.hasOwn(of, name)) return bad(`Missing required field: ${name}`);
  const { schema_version: version, mode, session_id: sessionId, parameters } = of;
  if (version !== SCHEMA_VERSION)
    return bad(`Unsupported schema version: ${shown(version)}. Supported: ${SCHEMA_VERSION}`);
  if (mode !== "start" && mode !== "resume")
    return bad(`Invalid mode: ${shown(mode)}. Must be 'start' or 'resume'`);
  if (typeof sessionId !== "string" || sessionId === "") return bad("session_id must be a text");
  if (!isObject(parameters)) return bad("parameters must be an object");
  const { project_dir: dir = null, agent_blueprint: blueprint = null, executor_config: config = null } = of;
  if (dir !== null && typeof dir !== "string") return bad("project_dir must be a text");
  if (blueprint !== null && !isObject(blueprint)) return bad("agent_blueprint must be an object");
  if (config !== null && !isObject(config)) return bad("executor_config must be an object");
  const read = readBlueprint(blueprint ?? {});
  if (typeof read === "string") return bad(read);
  const projectDir = mode === "start" && dir !== null && dir !== "" ? dir : undefined;
  const invocation: Invocation = {
    mode,
    sessionId,
    parameters,
    projectDir,
    blueprint: read,
    config: config ?? {},
  };
  return { ok: true, invocation, warnings: warningsOf(of, mode) };
}

/** The blueprint, or what is wrong with it. */
function readBlueprint(of: JsonObject): Blueprint | string {
  const { system_prompt: system = null, mcp_servers: servers = null } = of;
  const { parameters_schema: inputs = null, output_schema: output = null } = of;
  if (system !== null && typeof system !== "string") return "agent_blueprint.system_prompt must be a text";
  if (servers !== null && !isObject(servers)) return "agent_blueprint.mcp_servers must be an object";
  if (output !== null && !isObject(output)) return "agent_blueprint.output_schema must be an object";
  return {
    systemPrompt: system === null || system === "" ? undefined : system,
    mcpServers: servers ?? {},
    hasInputs: inputs !== null,
    outputSchema: output ?? undefined,
  };
}

function warningsOf(of: JsonObject, mode: "start" | "resume"): string[] {
  const unknown = Object.keys(of).filter((name) => !KNOWN.includes(name));
  return [
    ...(mode === "resume" && of["project_dir"] ? ["Field 'project_dir' ignored in resume mode"] : []),
    ...unknown.map((name) => `Unknown field ${shown(name)} ignored`),
  ];
}

const WORDS: Readonly<Record<string, string>> = { encoding: "not UTF-8", end: "it ends too early" };

/** A JSON object of a line, or what is wrong with it. Pure. */
export function parseLine(
  line: Uint8Array,
): { ok: true; value: JsonObject } | { ok: false; problem: string } {
  if (line.length > LINE.bytes) return { ok: false, problem: `more than ${LINE.bytes} bytes` };
  const scan = scanJson(line, LINE);
  if (!scan.ok) return { ok: false, problem: `${WORDS[scan.problem] ?? scan.problem} at byte ${scan.at}` };
  if (!scan.object) return { ok: false, problem: "an object is expected" };
  return { ok: true, value: JSON.parse(Buffer.from(line).toString("utf8")) as JsonObject };
}

export function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Any value as a short text. */
function shown(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "null");
  return text.length <= 100 ? text : `${text.slice(0, 100)}…`;
}

function bad(problem: string): ReadInvocation {
  return { ok: false, problem };
}
