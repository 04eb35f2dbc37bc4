import { expect, test } from "vitest";
import { keep, messagesOf, recall, RUNNER } from "../../../../src/agents/claude-api/kept.ts";
import type { Conversation } from "../../../../src/agents/claude-api/loop.ts";
import type { Said } from "../../../../src/agents/claude-api/sdk.ts";
import { createArchive } from "../../../support/archive.ts";

const user = (content: unknown): Said => ({ role: "user", content });
const model = (text: string): Said => ({ role: "assistant", content: [{ type: "text", text }] });
const talk = (...messages: Said[]): Conversation => ({
  messages,
  unheard: [],
  kept: { count: 0, mark: undefined },
});

test("what is kept is recalled by a process that knows nothing, or not all; one that knows all does not read", async () => {
  const archive = createArchive();
  const it = talk(user("a\nb"));
  await keep(archive, "th", it);
  it.messages.push(model("c"));
  await keep(archive, "th", it);
  await keep(archive, "th", it);
  expect(archive.kept).toHaveLength(2);
  await archive.add({ runner: RUNNER, thread: "other", text: '\n{"role":"user","content":"no"}\n' });
  archive.kept.pop();

  const other = talk();
  await recall(archive, "th", other);
  expect(other.messages).toEqual(it.messages);
  other.messages.push(user("d"), model("e"));
  await keep(archive, "th", other);

  await recall(archive, "th", it);
  expect(it.messages).toEqual([user("a\nb"), model("c"), user("d"), model("e")]);
  const read = { ...archive, parts: () => expect.unreachable("it is known") };
  await recall(read, "th", it);
  await recall(read, "another conversation", it);
});

test("a turn whose worker was killed ends as interrupted, and that is kept with the next one", async () => {
  const archive = createArchive();
  await keep(archive, "th", talk(user("a")));
  const it = talk();
  await recall(archive, "th", it);
  const cut = model("(interrupted)");
  expect(it.messages).toEqual([user("a"), cut]);
  it.messages.push(user("b"));
  await keep(archive, "th", it);
  const again = talk();
  await recall(archive, "th", again);
  expect(again.messages).toEqual([user("a"), cut, user("b"), cut]);
});

test("what the log did not take is tried again with what follows", async () => {
  const archive = createArchive();
  const it = talk(user("a"));
  const full = { ...archive, add: () => Promise.reject(new Error("full")) };
  await expect(keep(full, "th", it)).rejects.toThrow("full");
  it.messages.push(model("b"));
  await keep(archive, "th", it);
  expect(messagesOf(archive.kept.map(({ text }) => text).join(""))).toEqual([user("a"), model("b")]);
  it.messages.push(user("x".repeat(9e6)));
  await expect(keep(archive, "th", it)).rejects.toThrow("too many");
});

test.each<[string, Said[]]>([
  ["", []],
  ['{"role":"user","content":"a"}\n{"role":"assis', [user("a")]],
  ['nt"}\n{"role":"assistant","content":[]}\n{"role":"user","content":"a"}\n', [user("a")]],
  ['{"role":"user","content":[{"type":"tool_result"}]}\n{"role":"user","content":"a"}', [user("a")]],
  ["[1]\nnull\n7\n{}", []],
])("%# a beginning that was removed and a line that was cut off do no harm", (text, messages) => {
  expect(messagesOf(text)).toEqual(messages);
});
