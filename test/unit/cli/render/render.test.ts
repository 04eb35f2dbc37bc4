import { stripVTControlCharacters } from "node:util";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renderFacts, wrap } from "../../../../src/cli/render/facts.ts";
import { frame, paint, PLAIN, screenOf } from "../../../../src/cli/render/screen.ts";
import { harmless, printable } from "../../../../src/cli/render/text.ts";
import { cut, widthOf } from "../../../../src/cli/render/width.ts";
import { createTailView } from "../../../../src/cli/render/tail-view.ts";
import { renderTable } from "../../../../src/cli/render/table.ts";

const narrow = { columns: 40, rows: 20, colour: false };
const coloured = { columns: 40, rows: 20, colour: true };

/** What could be in a session id, a reason or a body. */
const hostile = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
  fc.constantFrom(
    "\u001b[2J",
    "\u009b31m",
    "\u001b]0;title\u0007",
    "a\r\nb",
    "\u202egnp.exe",
    "日本語のセッション",
    "👩‍👩‍👧‍👦",
    "e\u0301",
  ),
);
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

describe("text from outside", () => {
  test("cannot move the cursor, end a line or begin an escape sequence", () => {
    fc.assert(fc.property(hostile, (text) => !CONTROL.test(printable(text))));
    expect(printable("a\u001b[2Jb\u009b1m\r\n\u202e")).toBe("a\\u001b[2Jb\\u009b1m\\u000d\\u000a\\u202e");
  });
  test("at the last door lines and our own colours stay, JSON stays the same JSON", () => {
    const red = paint(coloured, "bad", "x");
    expect(harmless(`${red}\n\tok\u001b]0;t\u0007`)).toBe(`${red}\n\tok\\u001b]0;t\\u0007`);
    fc.assert(
      fc.property(hostile, (text) => {
        const json = harmless(JSON.stringify({ text }, null, 2));
        return JSON.stringify(JSON.parse(json)) === JSON.stringify({ text });
      }),
    );
  });
  test.each([
    ["abc", 3],
    ["日本", 4],
    ["👩‍👩‍👧‍👦", 2],
    ["e\u0301", 1],
    ["ﬁ…", 2],
    ["ｶﾞ", 2], // a halfwidth letter and its mark: two columns, one grapheme
    ["☰", 2],
  ])("width of %s", (text, width) => expect(widthOf(text)).toBe(width));
  test("is cut to what fits", () => {
    expect([cut("abcdef", 4), cut("abcd", 4), cut("日本語", 4), cut("ab", 1), cut("ab", 0)]).toEqual([
      "abc…",
      "abcd",
      "日…",
      "…",
      "",
    ]);
    fc.assert(
      fc.property(hostile, fc.nat(20), (text, columns) => widthOf(cut(printable(text), columns)) <= columns),
    );
  });
});

describe("tables", () => {
  test("as wide as they need to be; figures stand to the right", () => {
    const rows = [
      ["a", "1", "x"],
      ["long", "100", ""],
    ];
    expect(renderTable(["NAME", "N", "NOTE"], rows)).toBe("NAME    N  NOTE\na       1  x\nlong  100");
  });
  test("40 columns: the last column gives first, no line is longer", () => {
    const row = ["an-event-id-of-22-chars", "ses_1", "event", "422", "2026-01-01T00:00:00", "no such field"];
    const table = renderTable(["EVENT", "SESSION", "KIND", "STATUS", "AT", "REASON"], [row], narrow);
    expect(table.split("\n").map((line) => line.length <= 40)).toEqual([true, true]);
    expect(renderTable(["EVENT", "REASON"], [[row[0] ?? "", "x".repeat(99)]], narrow).split("\n")[1]).toBe(
      `an-event-id-of-22-chars  ${"x".repeat(14)}…`,
    );
  });
  test("columns of which a few letters would be left are left out, and the head says so; ids stay whole", () => {
    const row = ["10nycksezprd44r2-h9", "1264", "delivered", "event again", "2026-01-01T00:00:00", "no"];
    const head = ["EVENT", "SEQ", "STATE", "KIND", "AT", "REASON"];
    expect(renderTable(head, [row], narrow)).toBe(
      ["EVENT                 SEQ  STATE      …", "10nycksezprd44r2-h9  1264  delivered"].join("\n"),
    );
    expect(
      renderTable(["RELAY", "COORDINATOR", "IN HAND"], [["r", "up", "3"]], { ...narrow, columns: 12 }),
    ).toBe(["REL…  C…  I…", "r     up   3"].join("\n"));
  });
  test("any cells: one line a row, none longer than the screen, with and without colours", () => {
    const cells = fc.array(fc.tuple(hostile, hostile, hostile, hostile), { maxLength: 5 });
    fc.assert(
      fc.property(cells, fc.integer({ min: 40, max: 120 }), (rows, columns) => {
        const head = ["ONE", "TWO", "THREE", "FOUR"];
        const styled = rows.map((row) => row.map((text) => ({ text, style: "bad" as const })));
        const table = renderTable(head, rows, { ...narrow, columns });
        const lines = table.split("\n");
        expect(lines).toHaveLength(rows.length + 1);
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
        expect(stripVTControlCharacters(renderTable(head, styled, { ...coloured, columns }))).toBe(table);
      }),
    );
  });
});

describe("facts", () => {
  test("are wrapped between words behind their names", () => {
    const facts = [
      { name: "backlog", text: "3 events" },
      { name: "durability", text: ["unverified", "cannot verify that the broker syncs every write"] },
    ];
    expect(renderFacts(facts, narrow)).toBe(
      [
        "backlog     3 events",
        "durability  unverified",
        "            cannot verify that the",
        "            broker syncs every write",
      ].join("\n"),
    );
  });
  test("names and texts from outside are printable, and no line is longer than the screen", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ name: hostile, text: hostile }), { minLength: 1 }),
        fc.integer({ min: 20, max: 100 }),
        (facts, columns) => {
          const shown = renderFacts(facts, { ...narrow, columns });
          expect(shown.replaceAll("\n", "")).toBe(printable(shown.replaceAll("\n", "")));
          for (const line of shown.split("\n")) expect(widthOf(line)).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });
  test("no wrapped line is longer than the screen", () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 1, max: 60 }), (text, columns) =>
        wrap(printable(text), columns).every((line) => widthOf(line) <= columns),
      ),
    );
  });
});

describe("tail", () => {
  const said = (body: unknown): string => {
    const text = JSON.stringify({
      session_id: "s",
      event_type: "message",
      timestamp: "t",
      ...(body as object),
    });
    const envelope = {
      v: 1,
      id: "e",
      kind: "event",
      session: "s",
      runner: "r",
      epoch: "e",
      seq: 1,
      at: 0,
      type: "application/json",
      body: new TextEncoder().encode(text),
    } as const;
    const address = { partition: 0, runner: "r", session: "s", kind: "event", origin: "executor" } as const;
    const view = createTailView(PLAIN, { body: false });
    return (
      view({ seq: 1, stored: new Date(0).toISOString(), address, envelope } as never).split("message  ")[1] ??
      ""
    );
  };
  const text = (it: string): object => ({ type: "text", text: it });
  test.each([
    [{ role: "assistant", content: [text("All"), text("green")] }, "assistant: All green"],
    [{ role: "user", content: [] }, "user: "],
    [
      { role: "user", content: [text("a")], more: 1 },
      '{"role":"user","content":[{"type":"text","text":"a"}],"more":1}',
    ],
    [{ role: "user", content: [{ type: "image" }] }, '{"role":"user","content":[{"type":"image"}]}'],
    [{ role: 1, content: "x" }, '{"role":1,"content":"x"}'],
    [{}, "{}"],
  ])("of %j it shows %s", (body, shown) => {
    expect(said(body)).toBe(shown);
  });
});

test("colours only on a terminal that wants them", () => {
  const tty = { isTTY: true, columns: 80, hasColors: () => true };
  expect(paint(screenOf(tty), "bad", "x")).toBe("\u001b[31mx\u001b[39m");
  expect(paint(screenOf({ ...tty, hasColors: () => false }), "bad", "x")).toBe("x");
  expect(screenOf({ ...tty, isTTY: false })).toMatchObject(PLAIN);
  expect(screenOf({ ...tty, columns: 0 }).columns).toBeUndefined();
});

test("redrawing stays on the screen, whatever was there", () => {
  const screen = { columns: 40, rows: 4, colour: false };
  expect(frame(screen, "a\nb", true)).toBe("\u001b[H\u001b[2Ja\u001b[K\nb\u001b[K\n\u001b[J");
  expect(frame(screen, "a\nb\nc\nd", false)).toBe("\u001b[Ha\u001b[K\nb\u001b[K\n…\u001b[K\n\u001b[J");
  expect(frame(PLAIN, "a\nb", false)).toBe("a\nb\n\n");
});
