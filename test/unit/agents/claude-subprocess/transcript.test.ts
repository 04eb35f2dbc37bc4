import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { SdkKey } from "../../../../src/agents/claude-subprocess/sdk.ts";
import { createTranscript, entriesOf } from "../../../../src/agents/claude-subprocess/transcript.ts";
import { createArchive } from "../../../support/archive.ts";

const KEY: SdkKey = { projectKey: "-w", sessionId: "th" };
const entry = (uuid: string): { type: string; uuid: string } => ({ type: "user", uuid });

test("the CLI's own transcript is used where it has the newest entry, else what the log has", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rr-transcript-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const archive = createArchive();
  const of = { archive, runner: "r", folder, tooLarge: () => undefined };
  await createTranscript(of).store.append(KEY, [entry("a"), entry("b"), { type: "title" }]);
  const load = (): Promise<unknown> => createTranscript(of).store.load(KEY);
  const all = [entry("a"), entry("b"), { type: "title" }];
  expect(await load()).toEqual(all);
  mkdirSync(join(folder, "projects/-w"), { recursive: true });
  writeFileSync(join(folder, "projects/-w/th.jsonl"), JSON.stringify(entry("a")));
  expect(await load()).toEqual(all);
  writeFileSync(join(folder, "projects/-w/th.jsonl"), JSON.stringify([entry("a"), entry("b"), entry("c")]));
  expect(await load()).toBeNull();
});

test("what another runner or conversation has kept is no part of it", async () => {
  const archive = createArchive();
  const of = { archive, runner: "r", folder: "/nowhere", tooLarge: () => undefined };
  const { store } = createTranscript(of);
  expect(await store.load(KEY)).toBeNull();
  await createTranscript({ ...of, runner: "q" }).store.append(KEY, [entry("a")]);
  await store.append({ ...KEY, sessionId: "other" }, [entry("b")]);
  expect(await createTranscript(of).store.load(KEY)).toBeNull();
});

test.each<[string, string[]]>([
  ["", []],
  ['{"type":"user","uuid":"a"}\n{"type":"us\n{"type":"user","uuid":"b"}', ["a", "b"]],
  ['{"type":"user","uuid":"a"}\n\n{"type":"user","uuid":"a"}\n', ["a"]],
  ['7\nnull\n{"uuid":"a"}\n{"type":7}\nx', []],
])("%# each entry once, and none that was cut off", (text, uuids) => {
  expect(entriesOf(text).map(({ uuid }) => uuid)).toEqual(uuids);
});
