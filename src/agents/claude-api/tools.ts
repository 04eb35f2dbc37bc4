import { errorText } from "../../shared/base/errors.ts";
import type { Clock } from "../../shared/base/clock.ts";
import type { Asked, RunnerSession } from "../port.ts";
import { editText, listFolder, readText, writeText } from "./files.ts";
import { runShell, type ShellResult } from "./shell.ts";

// The tools of claude_api: files of the workspace, and a shell.

type Fields = Readonly<Record<string, unknown>>;

const text = (description: string): object => ({ type: "string", description });

function define(
  name: string,
  description: string,
  properties: Record<string, object>,
  required = Object.keys(properties),
): object {
  return { name, description, input_schema: { type: "object", properties, required } };
}

const PATH = text("Path of the file, relative to the workspace.");

/** The descriptions that the model gets. */
const TOOLS: readonly object[] = [
  define("read_file", "Reads a text file of the workspace.", { path: PATH }),
  define("list_folder", "Lists a folder of the workspace.", {
    path: text("Path of the folder; `.` for the workspace."),
  }),
  define("write_file", "Writes a text file of the workspace, in place of what it held.", {
    path: PATH,
    content: text("The whole text."),
  }),
  define("edit_file", "Replaces a text that stands exactly once in a file of the workspace.", {
    path: PATH,
    old_text: text("What stands there."),
    new_text: text("What is to stand there."),
  }),
  define(
    "bash",
    "Runs a command with sh in the workspace. What it started has ended when it has.",
    {
      command: text("The command."),
      timeout_s: { type: "number", description: "Time limit, seconds; 120 by default, at most 600." },
    },
    ["command"],
  ),
];

/** The tool by which a session's schema is answered: what it is given is what the turn comes to. */
export const STRUCTURED = "StructuredOutput";

/** The tools of a session. With a schema there is one more, by which its data comes. Pure. */
export function toolsFor({ output_schema: schema }: Fields): readonly object[] {
  if (typeof schema !== "object" || schema === null) return TOOLS;
  const description = "Call this once, at the end, with the result of the task.";
  return [...TOOLS, { name: STRUCTURED, description, input_schema: schema }];
}

/** Tools that only look. They are used unasked, unless a rule says otherwise. */
const LOOKS: readonly string[] = ["read_file", "list_folder", STRUCTURED];
const EDITS: readonly string[] = ["write_file", "edit_file"];

export type ToolUse = { id: string; name: string; input: unknown };

/** Uses a tool, if the user allows it. The model gets every error as the tool's result. */
export async function useTool(
  session: RunnerSession,
  use: ToolUse,
  deps: { clock: Clock; signal: AbortSignal },
): Promise<ShellResult> {
  try {
    const decision = await permit(session, use);
    if (!decision.allow || deps.signal.aborted)
      return { content: decision.message ?? "The user does not allow this.", isError: true };
    return await run(session, use, deps);
  } catch (error) {
    return { content: errorText(error), isError: true };
  }
}

async function permit(
  session: RunnerSession,
  { id, name, input }: ToolUse,
): Promise<{ allow: boolean; message?: string }> {
  const asked: Asked = { toolName: name, toolInput: input, edits: EDITS.includes(name), toolUseId: id };
  const unruled = session.ruling?.(asked) === undefined;
  return LOOKS.includes(name) && unruled ? { allow: true } : await session.ask(asked);
}

async function run(
  { workspace = "", spawn }: RunnerSession,
  { name, input }: ToolUse,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<ShellResult> {
  const fields: Fields = typeof input === "object" && input !== null ? (input as Fields) : {};
  const done = (content: string): ShellResult => ({ content, isError: false });
  switch (name) {
    case "read_file":
      return done(await readText(workspace, textIn(fields, "path")));
    case "list_folder":
      return done(await listFolder(workspace, textIn(fields, "path")));
    case "write_file":
      return done(await writeText(workspace, textIn(fields, "path"), textIn(fields, "content")));
    case "edit_file": {
      const change = { old: textIn(fields, "old_text"), next: textIn(fields, "new_text") };
      return done(await editText(workspace, textIn(fields, "path"), change));
    }
    case "bash": {
      const { timeout_s: limit } = fields;
      const ms = typeof limit === "number" ? limit * 1000 : undefined;
      return await runShell({ spawn, clock, signal }, textIn(fields, "command"), ms);
    }
    case STRUCTURED:
      return done("The result was taken.");
    default:
      throw new Error(`there is no tool ${name}`);
  }
}

function textIn(fields: Fields, name: string): string {
  const { [name]: value } = fields;
  if (typeof value !== "string") throw new Error(`${name} must be a text`);
  return value;
}
