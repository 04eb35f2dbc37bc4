import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DESKTOP, expectAccessible, expectFits, launch, open, PHONE, shoot } from "./browser.ts";
import { at, buryPoison, numberAt, text } from "./poisoned.ts";
import { startStage, type Stage } from "./stage.ts";

/**
 * The status page in a real browser, over a real gateway, relay, console and nats-server, through an outage of the coordinator. Who gets in and what comes
 * from outside: page-door.test.ts.
 */

const SESSIONS = Array.from({ length: 12 }, (_, n) => `ses_${String(n).padStart(2, "0")}`);

let stage: Stage;
let browser: Browser;

beforeAll(async () => {
  stage = await startStage();
  browser = await launch();
  await buryPoison(stage);
});
afterAll(async () => {
  await browser?.close();
  await stage?.[Symbol.asyncDispose]();
});

/** What a page shows, in the words of `status --json`. */
async function shown(page: Page): Promise<object> {
  return {
    waiting: await numberAt(page, "#n-waiting"),
    dead: await numberAt(page, "#n-dead"),
    accepted: Number((await text(page, "#n-accepted + .note")).replace(/in all$/, "").replaceAll(/\D/g, "")),
    held: await numberAt(page, "#n-stopped"),
  };
}

async function told(): Promise<object> {
  const { backlog, dead, log, sessions } = await stage.status();
  return {
    waiting: backlog.events,
    dead: dead.messages,
    accepted: log.lastSeq,
    held: sessions.list.filter(({ state }) => state === "paused" || state === "parked").length,
  };
}

async function expectSameNumbers(page: Page, wanted: object): Promise<void> {
  await expect
    .poll(
      async () => {
        const before = await told();
        const seen = await shown(page);
        return { seen, told: before };
      },
      { timeout: 30_000 },
    )
    .toEqual({ seen: expect.objectContaining(wanted), told: expect.objectContaining(wanted) });
  expect(await shown(page)).toEqual(await told());
}

const PAGES = [
  "/",
  "/sessions",
  "/sessions?sort=events&q=ses",
  "/session?id=ses_00",
  "/session?id=ses_nobody",
  "/event?seq=5",
  "/dead",
  "/dead?session=ses_poison",
  "/letter?seq=1",
  "/checks",
  "/confirm?action=pause",
  "/confirm?action=try",
  "/confirm?action=drop-all",
];

test("through an outage and after it its numbers equal `status --json`, it is accessible, and says nothing on the console", async () => {
  await using watched = await open(browser, at(stage, "/"));
  const { page } = watched;
  await expect.poll(() => text(page, "#state-text h2")).toBe("Forwarding");
  await stage.scripted.stop();
  for (let n = 0; n < 10; n++) await Promise.all(SESSIONS.map((session) => stage.event(session, { n })));
  await expect.poll(() => text(page, "#state-text h2")).toBe("The coordinator is away");
  await expectSameNumbers(page, { waiting: 120, dead: 4, accepted: 124, held: 0 });
  // the whole of it, not one shard's: sessions with their lanes, the chart, the outage
  expect(await page.locator("#session-rows tbody tr").count()).toBe(8);
  expect(await page.locator("#session-rows tbody tr").first().innerText()).toMatch(/10/);
  expect(await text(page, "#sessions .more")).toBe("4 more sessions.");
  await expect
    .poll(() => page.locator("#chart-backlog svg").getAttribute("aria-label"))
    .toContain("events waiting: now 120");
  expect(await text(page, "#outages")).toMatch(/Coordinator away.*for \d+s now.*ECONNREFUSED/s);
  expect(await page.locator("#chart-backlog .band.away").count()).toBe(1);

  for (const scheme of ["light", "dark"] as const) {
    for (const [device, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
      await using other = await open(browser, at(stage, "/"), { colorScheme: scheme, viewport });
      for (const path of PAGES) {
        const where = `${path} ${scheme} ${device}`;
        await other.page.goto(stage.console + path);
        await expectAccessible(other.page, where);
        await expectFits(other.page, where);
        await shoot(other.page, `outage${path.replaceAll(/\W+/g, "-")}-${scheme}-${device}`);
      }
      expect(other.complaints).toEqual([]);
    }
  }

  await stage.scripted.start();
  await expect.poll(() => text(page, "#state-text h2")).toBe("Forwarding");
  await expectSameNumbers(page, { waiting: 0, dead: 4, accepted: 124, held: 0 });
  expect(await text(page, "#outages")).toMatch(/Coordinator away.*ended \d+s ago/s);
  expect(await text(page, "#sessions")).toBe("No session waits.");
  await expectAccessible(page, "after the outage");
  expect(watched.complaints).toEqual([]);
});

/** Presses Tab until an element has the focus. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let n = 0; n < 60; n++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(`document.activeElement?.matches(${JSON.stringify(selector)}) ?? false`)) return;
  }
  throw new Error(`Tab does not reach ${selector}`);
}

test("a dead letter is redriven with the keyboard alone, and arrives under its own key", async () => {
  await using watched = await open(browser, at(stage, "/dead"));
  const { page } = watched;
  expect(await page.locator("#letter-rows tbody tr").count()).toBe(4);
  const id = (await text(page, "#d-3 th")).trim();
  await tabTo(page, "#d-3 [data-ask]");
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open] #confirm");
  expect(await text(page, "dialog")).toContain(id);
  expect(await page.evaluate("document.activeElement.textContent")).toBe("Cancel");
  await expectAccessible(page, "the dialog");
  await shoot(page, "dialog", false);
  // Escape gives it up, and one is where one was
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog:not([open])", { state: "attached" });
  expect(await page.evaluate(`document.activeElement.matches("#d-3 [data-ask]")`)).toBe(true);
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open] #confirm");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#notice");
  expect(await text(page, "#notice")).toMatch(
    new RegExp(`^Event ${id} of session ses_poison is requeued as sequence \\d+`),
  );
  await expect.poll(() => page.url()).toBe(`${stage.console}/dead`); // a reload shows no notice again
  await shoot(page, "redriven", false);
  await expect.poll(() => page.locator("#letter-rows tbody tr").count()).toBe(3);
  await expect
    .poll(() => stage.scripted.writes("ses_poison").filter(({ status, key }) => status < 300 && key === id))
    .toHaveLength(1);
  expect((await stage.status()).dead.messages).toBe(3);
  expect(watched.complaints).toEqual([]);
});

test("a session is paused with a reason and resumed; then everything", async () => {
  await using watched = await open(browser, at(stage, "/session?id=ses_00"));
  const { page } = watched;
  await page.click("#action [data-ask]");
  await page.waitForSelector("dialog[open] #confirm");
  expect(await page.evaluate("document.activeElement.id")).toBe("why");
  await page.keyboard.type("its <b>agent</b> runs wild");
  await page.keyboard.press("Enter");
  await expect.poll(() => text(page, "#lane .chip")).toBe("paused");
  expect(await text(page, "#lane")).toContain("its <b>agent</b> runs wild");
  await expect
    .poll(async () =>
      (await stage.status()).sessions.list.flatMap((it) => (it.state === "paused" ? it.session : [])),
    )
    .toEqual(["ses_00"]);
  for (let n = 10; n < 15; n++) await stage.event("ses_00", { n });
  await expect.poll(() => text(page, "#lane dd:nth-of-type(2)")).toBe("5");
  await shoot(page, "session-paused");
  const before = stage.scripted.writes("ses_00").length;
  await page.goto(stage.console);
  await expectSameNumbers(page, { waiting: 5, held: 1 });
  await page.click("#session-rows [data-ask]");
  await page.click("dialog[open] button");
  await expect.poll(() => stage.scripted.writes("ses_00").length).toBe(before + 5);

  await page.goto(stage.console);
  await page.click("#state [data-ask]");
  await page.waitForSelector("dialog[open] #confirm");
  await page.keyboard.type("maintenance");
  await page.click("dialog[open] button");
  await expect.poll(() => text(page, "#state-text h2")).toBe("Paused by an operator");
  expect(await text(page, "#state-text")).toContain("maintenance");
  await stage.event("ses_01");
  await expect.poll(() => numberAt(page, "#n-waiting")).toBe(1);
  await expectAccessible(page, "paused");
  await shoot(page, "paused");
  await page.click("#state [data-ask]");
  await page.click("dialog[open] button");
  await expect.poll(() => text(page, "#state-text h2")).toBe("Forwarding");
  await expect.poll(() => numberAt(page, "#n-waiting")).toBe(0);
  expect(watched.complaints).toEqual([]);
});

test("a session that fails says why, lists its events with the last answer, and is tried when an operator asks for it", async () => {
  stage.scripted.faults.set([
    {
      path: "/sessions/ses_sick/events",
      action: {
        kind: "status",
        status: 500,
        headers: { "retry-after": "300" },
        body: { detail: "database is locked" },
      },
    },
  ]);
  await stage.event("ses_sick");
  await stage.event("ses_sick");
  await using watched = await open(browser, at(stage, "/sessions"));
  const { page } = watched;
  await page.waitForSelector('#session-rows tr:has-text("ses_sick") .chip.retrying');
  await page.fill("#q", "ses_si");
  await page.keyboard.press("Enter");
  await page.click('#session-rows a:has-text("ses_sick")');
  expect(await text(page, "#lane")).toMatch(
    /Failed attempts\s+1\s+Last answer\s+status 500: database is locked\s+Next try/,
  );
  const rows = page.locator("#event-rows tbody tr");
  expect(await rows.count()).toBe(2);
  expect(await rows.nth(0).innerText()).toContain("waits behind an earlier event");
  expect(await rows.nth(1).innerText()).toMatch(/pending[\s\S]*1[\s\S]*status 500: database is locked/);
  await expectAccessible(page, "a session that fails");
  await shoot(page, "session-fails");
  const id = await rows.nth(1).locator("a").innerText();
  stage.scripted.faults.clear();
  await page.click('#action [data-ask]:has-text("Try now")');
  await page.click("dialog[open] button");
  expect(await text(page, "#notice")).toBe("The session is tried now.");
  await expect.poll(() => rows.locator(".chip.delivered").count()).toBe(2);
  // by its id alone, as it stands in a log line
  await page.goto(`${stage.console}/sessions`);
  await page.fill("#q", id);
  await page.keyboard.press("Enter");
  await page.click('a:has-text("Find the event with this id")');
  expect(await text(page, "h1")).toBe(id);
  expect(await text(page, "#outcome")).toMatch(/delivered/);
  expect(await text(page, "pre.body")).toContain("ses_sick");
  expect(watched.complaints).toEqual([]);
});

test("values under the pointer, with the time of day and its zone", async () => {
  await using watched = await open(browser, at(stage, "/"));
  const { page } = watched;
  await page.waitForSelector("#chart-backlog .line");
  await page.hover("#chart-backlog .canvas");
  expect(await text(page, "#chart-backlog .readout")).toMatch(/\d\d:\d\d:\d\d \S+\s+events waiting \d+/);
  expect(await text(page, "#chart-backlog .xaxis")).toMatch(
    /^\d\d:\d\d:\d\d\s+\d\d:\d\d:\d\d\s+\d\d:\d\d:\d\d \S+$/,
  );
  expect(watched.complaints).toEqual([]);
});

test("without JavaScript it can be read, and a confirmation is a page of its own", async () => {
  await using watched = await open(browser, at(stage, "/"), { javaScriptEnabled: false });
  const { page } = watched;
  expect(await text(page, "#state-text h2")).toBe("Forwarding");
  await page.click('nav a[href="/dead"]');
  const first = page.locator("#letter-rows tbody tr").last();
  await first.locator("[data-ask]").click();
  expect(await text(page, "#confirm-title")).toBe("Redrive this event?");
  await shoot(page, "confirm-without-script");
  await page.click("#confirm button");
  expect(await text(page, "#notice")).toContain("is requeued as sequence");
  expect(watched.complaints).toEqual([]);
});

test("dead letters are grouped by reason, and a group is dropped at once", async () => {
  await using watched = await open(browser, at(stage, "/dead"));
  const { page } = watched;
  await page.waitForSelector("#group-rows");
  const before = (await stage.status()).dead.messages;
  expect(await page.locator("#group-rows tbody tr").count()).toBe(1);
  await page.click("#group-rows tbody a");
  await page.click('#letters [data-ask]:has-text("Drop all")');
  await page.waitForSelector("dialog[open] #confirm");
  expect(await text(page, "dialog")).toContain(`${before} dead letters with the reason`);
  await page.click("dialog[open] button");
  expect(await text(page, "#notice")).toBe(`${before} events dropped.`);
  expect((await stage.status()).dead.messages).toBe(0);
  expect(watched.complaints).toEqual([]);
});
