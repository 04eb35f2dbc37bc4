import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { expectAccessible, expectFits, launch, open, shoot } from "./browser.ts";
import { at, buryPoison, HOSTILE, text } from "./poisoned.ts";
import { startStage, type Stage } from "./stage.ts";

/** Who gets into the status page in a real browser, and what comes from outside there. */

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

test("what comes from outside stays text: session ids, reasons, bodies, searches", async () => {
  await using watched = await open(browser, at(stage, "/dead"));
  const { page } = watched;
  let dialogs = 0;
  page.on("dialog", (it) => {
    dialogs++;
    void it.dismiss();
  });
  await page.click(`#letter-rows tr:has-text("onerror") th a`);
  await page.waitForSelector("pre.body");
  expect(await text(page, ".reason")).toBe("content: <script>alert(2)</script>  [31mred");
  expect(await text(page, "pre.body")).toContain("POISON <script>alert(3)</script>");
  await page.click(".facts .id a");
  expect(await text(page, "h1")).toBe(`ses_<img src=x onerror=alert(1)> ⟨U+202E⟩"'&`);
  await page.click("#action [data-ask]");
  await page.waitForSelector("dialog[open] #confirm");
  expect(await page.inputValue("dialog input[name=session]")).toBe(HOSTILE);
  await page.goto(`${stage.console}/sessions?q=${encodeURIComponent(`"><script>alert(4)</script>`)}`);
  expect(await page.inputValue("#q")).toBe(`"><script>alert(4)</script>`);
  expect(await page.locator("main img, main script, main b").count()).toBe(0);
  expect(dialogs).toBe(0);
  expect(watched.complaints).toEqual([]);
});

test("a page of another site can neither act nor read nor frame it", async () => {
  const asked: string[] = [];
  const site = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.setHeader("Content-Type", "text/html");
    response.end(`<form method="post" action="${stage.console}/act/pause"><input name="text" value="evil"></form>
      <iframe src="${stage.console}/"></iframe>`);
  });
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void site.close());
  const { port } = site.address() as AddressInfo;
  // in a browser that is let in: for cookies, another port of the same address is no other site
  await using watched = await open(browser, at(stage, "/"));
  const { page } = watched;
  await page.goto(`http://127.0.0.1:${port}/`);
  expect(
    await page.evaluate(`fetch("${stage.console}/status.json").then(() => "read", () => "refused")`),
  ).toBe("refused");
  expect(await page.frames()[1]?.content()).not.toContain("runner-relay</a>");
  const [answer] = await Promise.all([
    page.waitForResponse((it) => it.url().endsWith("/act/pause")),
    page.evaluate("document.forms[0].submit()"),
  ]);
  expect(answer.status()).toBe(403);
  expect((await stage.status()).paused).toBe(false);
  // by a name of its own, as after DNS rebinding
  await using rebound = await open(browser, "about:blank");
  const refused = await rebound.page.request.get(stage.console, { headers: { Host: "evil.example" } });
  expect(refused.status()).toBe(403);
  expect(asked).toContain("/");
});

test("a console that does not answer is said, and unsaid", async () => {
  await using watched = await open(browser, at(stage, "/"));
  const { page } = watched;
  await expect.poll(() => text(page, "#state-text h2")).toBe("Forwarding");
  expect(watched.complaints).toEqual([]);
  await page.context().setOffline(true);
  await page.waitForSelector("#lost:not([hidden])");
  expect(await text(page, "#lost")).toMatch(/^The console does not answer\. This page is as of /);
  await expectAccessible(page, "lost");
  await page.context().setOffline(false);
  await page.waitForSelector("#lost", { state: "hidden" });
});

test("a browser without the token sees nothing but the form for it, and gets in with a token that is typed", async () => {
  await using watched = await open(browser, `${stage.console}/dead`);
  const { page } = watched;
  expect(await text(page, "h1")).toBe("This page needs its token");
  expect(await page.content()).not.toMatch(/ses_|POISON/);
  await expectAccessible(page, "the question for the token");
  await expectFits(page, "the question for the token");
  await shoot(page, "token", false);
  await page.keyboard.press("Tab");
  await page.keyboard.type("a wrong one");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".notice.bad");
  await expectAccessible(page, "a wrong token");
  await page.fill("#token", new URL(stage.page ?? "").searchParams.get("token") ?? "");
  await page.click("button");
  await expect.poll(() => text(page, "#state-text h2")).toBe("Forwarding");
  // the browser says itself that the first two answers were 401
  expect(watched.complaints.filter((it) => !it.includes("401"))).toEqual([]);
});

test("the token leaves the address at once, and no script, history or Referer has it", async () => {
  await using watched = await open(browser, "about:blank");
  const { page } = watched;
  const token = new URL(stage.page ?? "").searchParams.get("token") ?? "no token";
  const told: string[] = [];
  page.on("request", (request) => {
    void request.allHeaders().then(
      ({ referer = "" }) => told.push(referer),
      () => undefined, // the page went on before it was sent
    );
  });
  await page.goto(stage.page ?? "");
  await expect.poll(() => text(page, "#state-text h2")).toBe("Forwarding");
  expect(page.url()).toBe(`${stage.console}/`);
  expect(await page.evaluate("document.cookie + document.referrer")).toBe("");
  await page.click('nav a[href="/dead"]');
  await page.waitForSelector("#letter-rows");
  await page.goBack();
  await page.waitForSelector("#state-text");
  expect(page.url()).toBe(`${stage.console}/`);
  await page.goBack();
  expect(page.url()).toBe("about:blank"); // nothing between
  expect(told.length).toBeGreaterThan(3);
  expect(told.join(" ")).not.toContain(token);
  expect(watched.complaints).toEqual([]);
});

test("a page whose cookie ended asks for the token by itself", async () => {
  await using watched = await open(browser, at(stage, "/"));
  const { page } = watched;
  await expect.poll(() => text(page, "#state-text h2")).toBe("Forwarding");
  await page.context().clearCookies();
  await page.waitForSelector("#ask");
  expect(await page.content()).not.toContain("Forwarding");
});
