import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { HOOKED_AGENTS } from "../../../../src/cli/hooks/agents.ts";
import { BASIC_EVENTS, REFUSED_EVENTS } from "../../../../src/cli/hooks/claude-events.ts";
import { eventsOfProgram } from "../../../../src/cli/hooks/program-events.ts";

const folder = mkdtempSync(join(tmpdir(), "rr-program-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function program(content: string | Buffer): string {
  const file = join(folder, "claude");
  writeFileSync(file, content);
  chmodSync(file, 0o755);
  return file;
}

const LIST = '["PreToolUse","PostToolUse","PostCompact","WorktreeCreate","Unheard"]';

test.each([
  ["at its begin", 0],
  ["across two pieces that are read", 4 * 1024 * 1024 - 30],
  ["far behind", 9_000_000],
])("the longest list of events in a program is found %s", (_, at) => {
  const file = program(Buffer.concat([Buffer.alloc(at, 7), Buffer.from(`${LIST};["PreToolUse","Stop"]`)]));
  expect([...(eventsOfProgram(file) ?? [])]).toEqual(JSON.parse(LIST));
});

test("a program without a list, and one that is not there, say nothing", () => {
  expect(eventsOfProgram(program('x=["PreToolUse",y]'))).toBeUndefined();
  expect(eventsOfProgram(join(folder, "none"))).toBeUndefined();
  expect(eventsOfProgram(folder)).toBeUndefined();
});

test("newer events are used only with a program that knows them; those that would change what it does never are", () => {
  program(`events=${LIST}`);
  const events = (PATH: string) => HOOKED_AGENTS["claude-code"]?.events({ PATH });
  expect(events(folder)).toEqual([...BASIC_EVENTS, "PostCompact"]);
  expect(events(join(folder, "none"))).toEqual(BASIC_EVENTS);
  for (const event of REFUSED_EVENTS) expect(events(folder)).not.toContain(event);
});
