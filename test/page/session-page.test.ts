import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { dataFolder, startUp, type Up } from "../support/up.ts";
import { expectAccessible, launch, open } from "./browser.ts";
import type { Browser } from "playwright-core";

/** The example of a web page, in a real browser, with the client as the package has it. */

const ROOT = resolve(import.meta.dirname, "../..");
const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript" };

const files = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://x");
  readFile(join(ROOT, pathname)).then(
    (bytes) =>
      response.writeHead(200, { "content-type": TYPES[extname(pathname)] ?? "text/plain" }).end(bytes),
    () => response.writeHead(404).end(),
  );
});

let folder: Awaited<ReturnType<typeof dataFolder>>;
let up: Up;
let browser: Browser;
let origin: string;
let url: string;
let key: string;

beforeAll(async () => {
  const built = spawnSync(process.execPath, [join(ROOT, "scripts", "build-client.mjs")], {
    stdio: "inherit",
  });
  expect(built.status).toBe(0);
  await new Promise<void>((listening) => files.listen(0, "127.0.0.1", listening));
  origin = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
  folder = await dataFolder();
  up = startUp(folder.path, { also: ["sessions"], env: { RUNNER_RELAY_SESSIONS_ORIGINS: origin } });
  url = (await up.ready()).sessions ?? "";
  key = (await readFile(join(up.dataDir, "sessions.key"), "utf8")).trim();
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await up?.stop();
  await folder?.[Symbol.asyncDispose]();
  files.closeAllConnections();
  files.close();
});

test("a page runs turns, and comes back after a reload at the last event that it showed", async () => {
  await using watched = await open(browser, `${origin}/examples/session-page.html`);
  const { page, complaints } = watched;
  const log = (): Promise<string> => page.locator("#log").innerText();
  const enter = async (): Promise<void> => {
    await page.fill("#url", url);
    await page.fill("#key", key);
    await page.click("#open button");
    await eventually(async () => expect(await page.locator("#state").innerText()).toBe("open"));
  };
  await enter();
  await page.fill("#prompt", "Say hello");
  await page.click("#ask button");
  await eventually(async () => expect(await log()).toContain("(finished)"));
  expect(await log()).toMatch(/> Say hello\s+Say hello\s+\(finished\)/);
  await expectAccessible(page, "a session");

  await page.reload();
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await enter();
  expect((await log()).match(/\(finished\)/g)).toHaveLength(1);
  expect(asked.filter((it) => it.includes("/events")).join()).toMatch(/after=\d+\.\w+$/);

  await page.fill("#prompt", "once more");
  await page.click("#ask button");
  await eventually(async () => expect((await log()).match(/\(finished\)/g)).toHaveLength(2));
  expect(complaints).toEqual([]);
});

test("a page of another origin, and one without the key, is refused", async () => {
  await using watched = await open(browser, `${origin}/examples/session-page.html`);
  const { page } = watched;
  await page.fill("#url", url);
  await page.fill("#key", "another-key-0123456789");
  await page.click("#open button");
  await eventually(async () =>
    expect(await page.locator("#state").innerText()).toContain("inbound_unauthorized"),
  );
  await page.goto(`${origin.replace("127.0.0.1", "localhost")}/examples/session-page.html`);
  await page.fill("#url", url);
  await page.fill("#key", key);
  await page.click("#open button");
  await eventually(async () => expect(await page.locator("#state").innerText()).toContain("unreachable"));
});
