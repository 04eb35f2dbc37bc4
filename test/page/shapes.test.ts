import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DESKTOP, expectAccessible, expectFits, launch, open, PHONE, shoot } from "./browser.ts";
import { startStage, type Stage } from "./stage.ts";

/** The console at its emptiest and at its fullest: nothing is cut off, accessible in both schemes, and silent. */

const SESSIONS = Array.from({ length: 200 }, (_, n) => `ses_${String(n).padStart(3, "0")}`);

let stage: Stage;
let browser: Browser;

beforeAll(async () => {
  stage = await startStage();
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await stage?.[Symbol.asyncDispose]();
});

async function lookAt(state: string, paths: readonly string[], shows: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    for (const [device, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
      await using watched = await open(browser, stage.page ?? "", { viewport, colorScheme });
      const { page, complaints } = watched;
      await expect.poll(() => page.locator("main").innerText()).toContain(shows);
      for (const path of paths) {
        const where = `${state}${path.replaceAll("/", "-")}-${colorScheme}-${device}`;
        await page.goto(new URL(path, stage.console).href);
        await expectFits(page, where);
        await expectAccessible(page, where);
        await shoot(page, where);
      }
      expect(complaints).toEqual([]);
    }
  }
}

test("before the first event", async () => {
  await lookAt("empty", ["/", "/sessions", "/dead"], "Forwarding");
});

test("in an outage with 200 sessions", async () => {
  await stage.scripted.stop();
  for (let n = 0; n < 3; n++) await Promise.all(SESSIONS.map((session) => stage.event(session, { n })));
  await expect.poll(async () => (await stage.status()).backlog.events).toBe(600);
  await lookAt("full", ["/", "/sessions"], "192 more sessions.");
});
