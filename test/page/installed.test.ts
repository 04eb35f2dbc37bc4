import { rm } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { installPackage, NPM_MS } from "../support/package.ts";
import { startUp } from "../support/up.ts";
import { launch, open } from "./browser.ts";

test(
  "the console of the installed package shows an event that was delivered, with no clone in sight",
  async () => {
    const { home, command, env } = await installPackage();
    onTestFinished(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));
    const up = startUp(home, { command: [command], env, also: ["sessions", "console"] });
    onTestFinished(async () => void (await up.stop()));
    const { gateway, page: address = "" } = await up.ready();
    const answer = await fetch(`${gateway}/bind`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ session_id: "ses_installed", executor_session_id: "x1" }),
    });
    expect(answer.ok).toBe(true);
    const browser = await launch();
    onTestFinished(() => browser.close());
    await using watched = await open(browser, address);
    const { page, complaints } = watched;
    await eventually(async () => expect(await page.locator("#n-accepted").innerText()).toMatch(/\d/));
    await page.goto(new URL("/session?id=ses_installed", address).href);
    await eventually(async () =>
      expect(await page.locator("main").innerText()).toMatch(/\tdelivered\t.*\tbind\t/),
    );
    expect(complaints).toEqual([]);
  },
  NPM_MS,
);
