import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { command } from "../../../src/cli/page.ts";
import { PAGE_TOKEN_FILE } from "../../../src/shared/http/door/secret-file.ts";
import { quietContext } from "./quiet-context.ts";

const TOKEN = "a".repeat(43);

/** What `page` prints for a data folder with a token, in which `up` runs a console at that URL. */
const page = (url: string | undefined, ...args: string[]): Promise<string> =>
  pageOf(url === undefined ? undefined : { page: `${url}/?token=${TOKEN}`, pid: process.pid }, ...args);

async function pageOf(
  running: { page?: string; pid: number } | undefined,
  ...args: string[]
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "rr-page-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, PAGE_TOKEN_FILE), `${TOKEN}\n`, { mode: 0o600 });
  const rest = {
    gateway: "http://127.0.0.1:1",
    relay: "http://127.0.0.1:4",
    nats: "nats://127.0.0.1:2",
    coordinator: "http://127.0.0.1:3",
  };
  if (running !== undefined)
    writeFileSync(join(folder, "running.json"), JSON.stringify({ ...running, ...rest }));
  const said: string[] = [];
  const context = quietContext({ print: (text) => void said.push(text) });
  await command(context).parseAsync(["--data", folder, ...args], { from: "user" });
  return said.join("\n");
}

test("the console that `up` runs there, with or without its port", async () => {
  const url = "http://127.0.0.1:8767";
  expect(await page(url)).toBe(`${url}/?token=${TOKEN}`);
  expect(await page(url, "--console-port", "8767")).toBe(`${url}/?token=${TOKEN}`);
});

test("a console of its own, by its port and its folder", async () => {
  expect(await page(undefined, "--console-port", "8768")).toBe(`http://127.0.0.1:8768/?token=${TOKEN}`);
});

test("CRED-1: the token of one console is printed for no other port", async () => {
  await expect(page("http://127.0.0.1:8767", "--console-port", "8768")).rejects.toThrow(
    /8768 is not the console of .*, which is http:\/\/127\.0\.0\.1:8767; name the data folder/,
  );
});

test("CRED-1: no token is printed for the port that a killed `up` had", async () => {
  const { pid } = spawnSync(process.execPath, ["--version"]);
  await expect(pageOf({ page: "http://127.0.0.1:8767/", pid })).rejects.toThrow(/^no console is running in /);
});

test("where `up` runs without a status page there is no address", async () => {
  await expect(pageOf({ pid: process.pid })).rejects.toThrow(/^no console is running in /);
});
