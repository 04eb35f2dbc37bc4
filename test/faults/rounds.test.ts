import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { runControl } from "./rounds/controls/control.ts";

test("ONCE-1: rounds find a relay that leaves the key out, and nothing else is wrong with it (a control in miniature)", async () => {
  const dir = mkdtempSync(join(tmpdir(), "rr-rounds-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const lines: string[] = [];
  const result = await runControl({
    name: "no-key",
    seed: 1,
    file: join(dir, "history.ndjson"),
    settleMs: 120_000,
    print: (line) => void lines.push(line),
  });
  expect(result, lines.join("\n")).toMatchObject({
    caught: true,
    found: expect.stringMatching(/^\d+ repeats without their key \(/),
  });
});
