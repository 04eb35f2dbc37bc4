import { expect, test } from "vitest";
import { BEGIN, END, sectionOf, withSection } from "../../../../bench/history/page.ts";
import type { SavedRun } from "../../../../bench/history/saved.ts";

const RUN: SavedRun = {
  date: "2026-12-01T07:35:10.000Z",
  revision: "0123abcd",
  quick: true,
  load: 0.12,
  machine: {
    cores: 2,
    cpu: "a processor",
    memoryMb: 1,
    platform: "linux x64",
    node: "v24.0.0",
    fsyncMs: 0.2,
  },
  notes: [{ by: "ingest", text: "beside another" }],
  figures: [
    {
      by: "ingest",
      row: "ingest",
      what: "fsync",
      value: 0.25,
      unit: "x",
      budget: { bound: 0.3, stretch: 0.5, better: "more" },
      detail: "10/s",
      range: [0.2, 0.31],
      holds: "no",
      cpu: { gateway: 50 },
    },
    {
      by: "ingest",
      row: "path",
      what: "p50",
      value: 0.5,
      unit: "ms",
      budget: { bound: 1, better: "less" },
      detail: "",
      range: [0.5, 0.5],
      holds: "yes",
    },
    { by: "ingest", row: "path", what: "a | b", value: 1234, unit: "us", detail: "", range: [1, 2] },
  ],
};

test("the section has a line for each figure, when and where it was measured, and the plots", () => {
  const section = sectionOf([RUN], ["ingest"], [{ file: "history.svg", title: "The figures" }]);
  expect(section).toBe(
    [
      BEGIN,
      "",
      "Measured on 2026-12-01 at revision 0123abcd, with `--quick`, on 2 cores (a processor), linux x64, Node 24.0.0, one synced write 0.2 ms; load average before it began: 0.1.",
      "",
      "| row | figure | value (single rounds) | at least | aim | holds | absolute |",
      "| --- | --- | --- | --- | --- | --- | --- |",
      "| ingest | fsync | 0.250× (0.200–0.310) | ≥ 0.3 | ≥ 0.5 | **no** | 10/s; CPU us per event: gateway 50 |",
      "| path | p50 | 0.500 ms | ≤ 1 |  | yes |  |",
      "| path | a \\| b | 1,234 µs (1.00–2.00) |  |  |  |  |",
      "",
      "*ingest*: beside another.",
      "",
      "![The figures](performance/history.svg)",
      "",
      END,
    ].join("\n"),
  );
});

test("only what stands between the markers is replaced", () => {
  const page = `# Performance\n\n${BEGIN}\nold\n${END}\n\nWritten by hand.\n`;
  expect(withSection(page, `${BEGIN}\nnew\n${END}`)).toBe(
    `# Performance\n\n${BEGIN}\nnew\n${END}\n\nWritten by hand.\n`,
  );
  expect(() => withSection("# Performance\n", "")).toThrow("no markers");
});
