import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { accessOf } from "../../../src/relay/logs/files.ts";
import { hubUrl, leafName, writeLeaf } from "../../../src/cli/provision-leaf.ts";

const DEPLOY = resolve(import.meta.dirname, "../../../deploy/nats");
const PLAN = { name: "leaf1", gateway: "gw1", runner: "runner-1" };
const HUB = "tls://hub.example:7422";

function folder(): { out: string; write: (name?: string) => string[]; read: (path: string) => string } {
  const out = mkdtempSync(join(tmpdir(), "rr-leaf-files-"));
  onTestFinished(() => rmSync(out, { recursive: true, force: true }));
  const write = (name = "leaf1"): string[] => {
    const lines: string[] = [];
    const print = (text: string): void => void lines.push(text.replace(`${out}/`, ""));
    writeLeaf({ print }, { plan: { ...PLAN, name }, hub: HUB, out });
    return lines;
  };
  return { out, write, read: (path) => readFileSync(join(out, path), "utf8") };
}

test("deploy/nats has what `provision --leaf leaf1 --runner runner-1` writes", async () => {
  const { write, read } = folder();
  write();
  for (const path of [
    "leaf1/nats-server.conf",
    "leaf1/users.conf",
    "hub/nats-server.conf",
    "hub/accounts.conf",
    "hub/accounts/leaf1.conf",
  ])
    await expect(read(path)).toMatchFileSnapshot(join(DEPLOY, path));
});

test("a second leaf gets its account beside the first; passwords and what was edited stay, and only their owner reads passwords", () => {
  const { out, write, read } = folder();
  expect(write()).toHaveLength(8);
  const passwords = read("hub/passwords.env");
  const own = read("leaf1/passwords.env");
  expect(passwords).toMatch(/^LEAF1_RELAY_PASSWORD=p[0-9a-f]{48}$/m);
  const [, link] = /^LEAF1_LINK_PASSWORD=(.*)$/m.exec(passwords) ?? [];
  expect(own).toContain(`HUB_URL=tls://leaf1-link:${link}@hub.example:7422\n`);
  expect(write()).toEqual(["everything is in place"]);
  const edited = `${read("hub/nats-server.conf")}debug: true\n`;
  writeFileSync(join(out, "hub/nats-server.conf"), edited);
  writeFileSync(join(out, "leaf1/users.conf"), "of an older version");
  const second = write("leaf2");
  expect(second).toContain("hub/nats-server.conf was changed, and stays as it is");
  expect(read("hub/nats-server.conf")).toBe(edited);
  expect(read("hub/accounts.conf")).toContain(
    '  include "accounts/leaf1.conf"\n  include "accounts/leaf2.conf"\n',
  );
  expect(read("hub/passwords.env").startsWith(passwords)).toBe(true);
  expect(write(), "an older version's permissions are brought up to date").toContain(
    "leaf1/users.conf replaced",
  );
  expect(read("leaf1/passwords.env")).toBe(own);
  for (const file of [
    "hub/passwords.env",
    "leaf1/passwords.env",
    "leaf2/passwords.env",
    "hub/logs/leaf1.env",
  ])
    expect(statSync(join(out, file)).mode & 0o777).toBe(0o600);
});

test("a relay process at the hub finds the login of each log", () => {
  const { write, read } = folder();
  write();
  write("leaf2");
  for (const name of ["leaf1", "leaf2"]) {
    const [, password] =
      new RegExp(`^${name.toUpperCase()}_RELAY_PASSWORD=(.*)$`, "m").exec(read("hub/passwords.env")) ?? [];
    expect(accessOf({ kind: "text", text: read(`hub/logs/${name}.env`) }, { NATS_URL: "tls://hub" })).toEqual(
      {
        servers: ["tls://hub"],
        user: `${name}-relay`,
        password,
      },
    );
  }
});

test.each(["hub", "Leaf", "1leaf", "a_b", "a--b", "a-", "a.b", "", "a".repeat(33)])(
  "%o is no name of a leaf",
  (name) => expect(() => leafName(name)).toThrow("lower-case"),
);

test("a hub's URL has no login", () => {
  expect(hubUrl(HUB)).toBe(HUB);
  for (const url of [
    "hub.example:7422",
    "tls://u:p@hub.example",
    "tls://hub.example/x",
    "http://hub.example",
  ])
    expect(() => hubUrl(url)).toThrow("without a login");
});
