import { expect, test } from "vitest";
import { blocksOf, stepsOf, textOf } from "../../integration/docs/blocks.ts";
import { isShown } from "../../integration/docs/normal.ts";

test("blocks with what the comment before them says", () => {
  const page =
    "a\n<!-- when: outage; in a terminal -->\n\n```console\n$ x\nout\n```\n\n<!-- not run: root; no -->\n```sh\ny\n```\n```\nz\n```\n";
  const [first, second, third] = blocksOf(page);
  expect(first).toMatchObject({
    language: "console",
    when: "outage",
    terminal: true,
    text: "$ x\nout\n",
    line: 5,
  });
  expect(page.slice(first?.start, first?.end)).toBe("$ x\nout\n");
  expect(second).toMatchObject({ language: "sh", notRun: "root; no", terminal: false });
  expect(third).not.toHaveProperty("notRun");
});

test("steps: commands of several lines, and what each prints", () => {
  const text = "$ for x in 1; do\n>   echo\n> done\n\n$ y\na\nb\n";
  expect(stepsOf(text)).toEqual([
    { command: "for x in 1; do\n  echo\ndone", shown: "\n" },
    { command: "y", shown: "a\nb\n" },
  ]);
  expect(textOf(stepsOf(text))).toBe(text);
  expect(() => stepsOf("no prompt\n")).toThrow('begins with "$ "');
});

test("what may differ between two runs, and what may not", () => {
  const same = (a: string, b: string) => isShown(`${a}\n`, `${b}\n`);
  expect(same("oldest 3s, 2m 4s", "oldest 12s, 59s")).toBe(true);
  expect(same("at 2026-01-01T00:00:00.123Z", "at 2027-12-31T23:59:59Z")).toBe(true);
  expect(same("kear1birhh506vvy-0 1.5 KiB", "abcd1birhh506vv9-z 300 B")).toBe(true);
  expect(same("http://127.0.0.1:1234  x", "http://127.0.0.1:60000 x")).toBe(true);
  expect(same("backlog 3 events", "backlog 4 events")).toBe(false);
  expect(same("state dead", "state delivered")).toBe(false);
  expect(isShown("  Rr-Kind: a\n  Rr-Seq: b\n", "  Rr-Seq: b\n  Rr-Kind: a\n")).toBe(true);
  expect(isShown("a\n…\nc\n", "a\nb\nb\nc\n")).toBe(true);
  expect(isShown("…\nc\n", "c\n")).toBe(true);
  expect(isShown("a\n…\nc\n", "a\nb\n")).toBe(false);
  expect(isShown("a\n…\n", "b\na\n")).toBe(false);
  expect(isShown("a\n", "a\nb\n")).toBe(false);
});
