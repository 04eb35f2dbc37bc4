import { randomUUID } from "node:crypto";
import type { Conversation } from "./loop.ts";
import type { Said } from "./sdk.ts";

/** Most conversations that are remembered; the one that was not used for the longest time is forgotten first. */
const MOST = 100;

/** What was said in the turns before, in this process: the API itself remembers nothing. */
export type Memory = {
  /** The conversation of that name, or a new one. */
  of(name: string | undefined): Conversation;
  nameOf(it: Conversation): string;
  /** Ends it so that it can go on: the API wants an answer behind each question, and a result behind each use of a tool. */
  tidy(it: Conversation): void;
};

export function createMemory(): Memory {
  const known = new Map<string, Conversation>();
  const names = new WeakMap<Conversation, string>();
  return {
    of(name = randomUUID()) {
      const it = known.get(name) ?? { messages: [], unheard: [], kept: { count: 0, mark: undefined } };
      known.delete(name);
      known.set(name, it);
      names.set(it, name);
      for (const oldest of known.keys()) {
        if (known.size <= MOST) break;
        known.delete(oldest);
      }
      return it;
    },
    nameOf: (it) => names.get(it) ?? "",
    tidy(it) {
      it.unheard.splice(0);
      it.messages = tidied(it.messages);
    },
  };
}

/** Without the answer whose tools were not used to the end; what the user said stays, joined with what is said next. Pure. */
export function tidied(messages: readonly Said[]): Said[] {
  const last = messages.at(-1);
  if (last === undefined) return [];
  const uses =
    Array.isArray(last.content) && last.content.some((it) => (it as { type?: unknown }).type === "tool_use");
  if (last.role === "assistant" && uses) return tidied(messages.slice(0, -1));
  if (last.role === "assistant") return [...messages];
  return [...messages, { role: "assistant", content: [{ type: "text", text: "(interrupted)" }] }];
}
