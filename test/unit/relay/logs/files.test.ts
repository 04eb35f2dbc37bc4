import { execFileSync } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  accessOf,
  changesOf,
  loginsIn,
  readLogFiles,
  type LogFile,
  type LogFiles,
} from "../../../../src/relay/logs/files.ts";

const text = (text: string): LogFile => ({ kind: "text", text });
const UNREADABLE: LogFile = { kind: "unreadable", problem: "EISDIR" };
const LEAF1 = text("# of a person\nNATS_USER=leaf1-relay\nNATS_PASSWORD='p:1'\n");

test("a folder has a file for each log; others are not taken for one, and one that cannot be read is a matter of its log", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rr-logs-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "leaf1.env"), "NATS_USER=a");
  for (const other of ["leaf2.env.tmp", ".env", ".#leaf1.env", "notes.txt"])
    writeFileSync(join(folder, other), "");
  mkdirSync(join(folder, "leaf3.env"));
  const files = await readLogFiles(folder);
  expect([...files.keys()]).toEqual(["leaf1", "leaf3"]);
  expect(files.get("leaf1")).toEqual(text("NATS_USER=a"));
  expect(files.get("leaf3")).toMatchObject({
    kind: "unreadable",
    problem: expect.stringContaining("not a regular file"),
  });
  await expect(readLogFiles(join(folder, "none"))).rejects.toThrow("ENOENT");
});

test("a name that no log can have, a pipe and a file that is too long are said to be wrong, and hold up nobody", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rr-logs-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const long = "n".repeat(65);
  for (const other of ["host.example", "a b", long]) writeFileSync(join(folder, `${other}.env`), "");
  execFileSync("mkfifo", [join(folder, "pipe.env")]); // nobody writes into it
  writeFileSync(join(folder, "large.env"), "#".repeat(16 * 1024 + 1));
  symlinkSync(join(folder, "gone"), join(folder, "link.env"));
  const files = await readLogFiles(folder);
  const problem = (name: string): string => {
    const file = files.get(name);
    return file?.kind === "unreadable" ? file.problem : "";
  };
  for (const name of ["host.example", "a b", long]) expect(problem(name)).toContain("name of a log");
  expect(problem("pipe")).toContain("not a regular file");
  expect(problem("large")).toContain("longer than 16384 bytes");
  expect(problem("link")).toContain("ENOENT");
  expect(files.size).toBe(6);
});

test("a log has its own login, and what the process says of all of them", () => {
  const env = { NATS_URL: "tls://hub.example:4222", NATS_CA: "/ca.pem" };
  expect(accessOf(LEAF1, env)).toEqual({
    servers: ["tls://hub.example:4222"],
    user: "leaf1-relay",
    password: "p:1",
    caFile: "/ca.pem",
  });
  expect(accessOf(text("NATS_URL=nats://u:p@own\n"), env)).toMatchObject({
    servers: ["nats://own"],
    user: "u",
  });
  expect(accessOf(LEAF1, { ...env, NATS_TOKEN: "of-another" }), "no login but its own").not.toHaveProperty(
    "token",
  );
  expect(loginsIn({ ...env, NATS_PASSWORD_FILE: "/p", NATS_USER: "" })).toEqual(["NATS_PASSWORD_FILE"]);
});

test.each([
  ["unknown settings", text("NATS_PASWORD=secret1\n"), "NATS_PASWORD"],
  ["passwords without a name", text("secret1==\n"), "text that is no setting"],
  ["settings of other kinds", text("RUNNER_RELAY_RETARGET=true\n"), "RUNNER_RELAY_RETARGET"],
  ["two logins", text("NATS_URL=nats://u:secret1@h\nNATS_USER=a\n"), "carries a login"],
  ["files that cannot be read", UNREADABLE, "EISDIR"],
])("%s are config_invalid, without a secret", (_what, file, words) => {
  const read = (): unknown => accessOf(file, {});
  expect(read).toThrow(
    expect.objectContaining({ code: "config_invalid", message: expect.stringContaining(words) }),
  );
  expect(read).not.toThrow("secret1");
});

test("a change counts when it was seen twice", () => {
  const [none, one, two]: [LogFiles, LogFiles, LogFiles] = [
    new Map(),
    new Map([["a", text("1")]]),
    new Map([["a", text("2")]]),
  ];
  const changes = (served = none, before = none, now = none): unknown => changesOf(served, before, now);
  expect(changes(none, none, one), "it may still be written").toEqual([]);
  expect(changes(none, one, one)).toEqual([{ name: "a", file: text("1") }]);
  expect(changes(one, one, one)).toEqual([]);
  expect(changes(one, one, two)).toEqual([]);
  expect(changes(one, two, two)).toEqual([{ name: "a", file: text("2") }]);
  expect(changes(one, one, none), "it may be replaced").toEqual([]);
  expect(changes(one, none, none)).toEqual([{ name: "a", file: undefined }]);
});
