import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { createAnnouncement } from "../../../../src/cli/up/announcement.ts";
import { removeFile, type ReadyInfo } from "../../../../src/cli/up/kept.ts";

const INFO: ReadyInfo = {
  gateway: "http://127.0.0.1:1",
  relay: "http://127.0.0.1:2",
  nats: "nats://127.0.0.1:3",
  coordinator: "http://127.0.0.1:4",
  pid: 5,
};

function stage() {
  const folder = mkdtempSync(join(tmpdir(), "rr-announcement-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const files = [join(folder, "running.json"), join(folder, "ready.json")];
  const said: string[] = [];
  const announcement = createAnnouncement(files, pino({}, { write: (line: string) => void said.push(line) }));
  const read = (): unknown[] => files.map((file) => JSON.parse(readFileSync(file, "utf8")) as unknown);
  return { folder, files, said, announcement, read };
}

test("every file has all addresses, and is rewritten when they change", () => {
  const { announcement, files, read } = stage();
  announcement.again(INFO);
  expect(read, "not before everything is there").toThrow("ENOENT");
  announcement.first(INFO);
  expect(read()).toEqual([INFO, INFO]);
  const inodes = (): number[] => files.map((file) => statSync(file).ino);
  const before = inodes();
  announcement.again({ ...INFO });
  expect(inodes(), "nothing has changed").toEqual(before);
  announcement.again({ ...INFO, gateway: "http://127.0.0.1:9" });
  expect(read()).toEqual([
    { ...INFO, gateway: "http://127.0.0.1:9" },
    { ...INFO, gateway: "http://127.0.0.1:9" },
  ]);
});

test("what cannot be written ends the start, and later is said in the log; it is tried again", () => {
  const { announcement, folder, said } = stage();
  announcement.first(INFO);
  rmSync(folder, { recursive: true });
  announcement.again({ ...INFO, pid: 6 });
  announcement.again({ ...INFO, pid: 6 });
  expect(said).toHaveLength(2);
  for (const line of said) expect(line).toContain("where everything is cannot be written");
  expect(() => announcement.first(INFO)).toThrow("ENOENT");
});

test("a folder in the place of a file is refused by name, and stays", () => {
  const { announcement, files } = stage();
  const [running = ""] = files;
  mkdirSync(running);
  expect(() => announcement.first(INFO)).toThrow(
    expect.objectContaining({ code: "data_unusable", message: expect.stringContaining(running) }),
  );
  for (const file of files) removeFile(file);
  expect(existsSync(running)).toBe(true);
});
