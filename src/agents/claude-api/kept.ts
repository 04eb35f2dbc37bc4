import { randomUUID } from "node:crypto";
import { parseJsonWithin, type JsonLimits } from "../../shared/base/json-scan.ts";
import type { Archive } from "../agent.ts";
import { newestParts } from "../recall.ts";
import type { Conversation } from "./loop.ts";
import { tidied } from "./memory.ts";
import type { Said } from "./sdk.ts";

// What was said in the turns before, in the session's log (ADR 0056): the API remembers nothing, and another worker may run the next turn. A line of JSON for each message.

/** The name of this runner in the session's log. */
export const RUNNER = "claude_api";

/** Most characters of messages that are kept at one time: the results of a few hundred tools. */
const MOST_KEPT: number = 8 * 1024 * 1024;
const LINE: JsonLimits & { bytes: number } = { bytes: 4 * MOST_KEPT, depth: 128, values: 1_000_000 };

/** Adds the messages that are not in the log yet. Rejects if they are not there; the next call tries them again. */
export async function keep(archive: Archive, thread: string, it: Conversation): Promise<void> {
  const { length: count } = it.messages;
  if (count <= it.kept.count) return;
  const lines = it.messages.slice(it.kept.count).map((said) => JSON.stringify(said));
  const text = `\n${lines.join("\n")}\n`;
  if (text.length > MOST_KEPT) throw new Error(`what was said has ${text.length} characters, too many`);
  const mark = randomUUID();
  await archive.add({ runner: RUNNER, thread, mark, text });
  it.kept = { count, mark };
}

/** Reads from the log what this process does not know, because another one ran the last turn. */
export async function recall(archive: Archive, thread: string, it: Conversation): Promise<void> {
  const newest = await archive.newest();
  if (newest?.runner !== RUNNER || newest.thread !== thread || newest.mark === it.kept.mark) return;
  const parts = await newestParts(archive, { runner: RUNNER, thread });
  const known = messagesOf(parts.map(({ text }) => text).join(""));
  it.kept = { count: known.length, mark: newest.mark };
  it.messages = tidied(known);
}

/** The messages of lines, from the first one that a user said: retention may have removed the beginning. Pure. */
export function messagesOf(text: string): Said[] {
  const all = text.split("\n").flatMap((line): Said[] => {
    const said = line === "" ? undefined : parseJsonWithin(Buffer.from(line), LINE);
    return typeof said === "object" && said !== null && "role" in said ? [said as Said] : [];
  });
  const first = all.findIndex(({ role, content }) => role === "user" && typeof content === "string");
  return first < 0 ? [] : all.slice(first);
}
