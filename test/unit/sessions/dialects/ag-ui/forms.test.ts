import { expect, test } from "vitest";
import { readingForm, runForm } from "../../../../../src/sessions/dialects/ag-ui/forms.ts";
import { createReading } from "../../../../../src/sessions/dialects/ag-ui/reading.ts";
import type { Closing } from "../../../../../src/sessions/stream/closing.ts";
import { inLog, LOG, type Happened } from "../../../../support/agui-histories.ts";

const RUN: Happened[] = [
  { source: "user", kind: "turn", turn: "t1", data: { user_input: "do" } },
  { source: "worker", kind: "turn_started", turn: "t1", data: {} },
  { source: "worker", kind: "text", turn: "t1", data: { text: "a\u2028b\r\n", block: "0" } },
  { source: "worker", kind: "turn_ended", turn: "t1", data: { outcome: "finished" } },
];

/** The events of a stream's bytes. */
function eventsIn(bytes: Uint8Array | undefined): Record<string, unknown>[] {
  const blocks = Buffer.from(bytes ?? "")
    .toString()
    .split("\n\n")
    .filter(Boolean);
  return blocks.map((block) => JSON.parse(block.replace(/^data: /, "")) as Record<string, unknown>);
}

test.each<[Closing, string | undefined]>([
  ["deleted", "session_deleted"],
  ["auth", "auth_ended"],
  ["stopping", undefined],
])("a session's stream that ends with %s", (why, code) => {
  const form = readingForm(createReading({ thread: "s1", after: 0 }));
  const words = eventsIn(form.closed(why, 0));
  const said = [{ type: "RUN_STARTED" }, { type: "RUN_ERROR", code }];
  expect(words).toMatchObject(code === undefined ? [] : said);
});

test("in a run, the last word is only the error", () => {
  const form = readingForm(createReading({ thread: "s1", after: 0 }));
  form.frames({ kind: "caught_up", last: 0, log: LOG });
  for (const item of inLog(RUN.slice(0, 2))) form.frames(item);
  expect(eventsIn(form.closed("deleted", 0))).toMatchObject([{ type: "RUN_ERROR" }]);
});

test.each<[Closing, string]>([
  ["deleted", "session_deleted"],
  ["auth", "auth_ended"],
  ["stopping", "server_stopping"],
])("a run's stream that ends with %s says so, because its client does not come back", (why, code) => {
  const form = runForm("s1", { kind: "turn", turn: "t1" }, () => undefined);
  expect(eventsIn(form.closed(why, 0))).toMatchObject([{ type: "RUN_ERROR", code }]);
});

test("a run's stream is over with the run, in one line for each event", () => {
  let overs = 0;
  const form = runForm("s1", { kind: "turn", turn: "t1" }, () => overs++);
  const frames = inLog(RUN).flatMap((item) => {
    expect(overs).toBe(0);
    return form.frames(item);
  });
  expect(overs).toBe(1);
  expect(form.closed("over", 0)).toBeUndefined();
  for (const frame of frames) expect(Buffer.from(frame).toString()).toMatch(/^data: [^\n]*\n\n$/);
});
