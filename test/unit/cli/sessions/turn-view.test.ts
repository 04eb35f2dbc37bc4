import { expect, test } from "vitest";
import type { TurnItem } from "../../../../src/client/sessions/index.ts";
import { PLAIN } from "../../../../src/cli/render/screen.ts";
import { createTurnJson, createTurnView } from "../../../../src/cli/sessions/turn-view.ts";
import { quietContext } from "../quiet-context.ts";

const item = (type: string, data: Record<string, unknown>): TurnItem => ({
  seq: 1,
  session_id: "s",
  turn_id: "t",
  type,
  source: "worker",
  data,
  timestamp: "",
  cursor: "1.log",
});

/** Everything that is written, with a mark of where: a terminal shows both on one screen. */
function screen(terminal: boolean) {
  let shown = "";
  const context = quietContext({
    screen: terminal ? { ...PLAIN, columns: 80, rows: 24 } : PLAIN,
    errors: { terminal, screen: PLAIN },
    write: (text) => (shown += text),
    print: (text) => (shown += `${text}\n`),
    warn: (text) => (shown += `[${text}]\n`),
  });
  return { context, shown: () => shown };
}

test("what the agent says is printed piece by piece, and what it does beside it on lines of its own", () => {
  const { context, shown } = screen(true);
  const view = createTurnView(context);
  view.take(item("text", { text: "I will " }));
  view.take(item("text", { text: "look" }));
  view.take(item("tool_call", { name: "Bash", input: "ls" }));
  view.take(item("text", { text: "Done\n" }));
  view.take(item("usage", { tokens: 5 }));
  view.end();
  expect(shown()).toBe('I will look\n[> tool_call Bash {"input":"ls"}]\nDone\n');
});

test("a pipe gets the answer alone, whole, and with an end", () => {
  const { context, shown } = screen(false);
  const view = createTurnView(context);
  view.take(item("text", { text: "a\tb\u001b[31m\r\n" }));
  view.take(item("status", { text: "x" }));
  view.take(item("text", { text: "c" }));
  view.end();
  view.end();
  expect(shown()).toBe('a\tb\\u001b[31m\n[- status {"text":"x"}]\nc\n');
});

test("programs get every event as it came", () => {
  const { context, shown } = screen(false);
  const view = createTurnJson(context);
  const sent = item("usage", { tokens: 5 });
  view.take(sent);
  view.end();
  expect(JSON.parse(shown())).toEqual(sent);
});
