import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startAgentStage, type AgentStage } from "../integration/console/agent-stage.ts";
import { PAGE_TOKEN } from "../support/relay.ts";
import { eventually } from "../support/eventually.ts";
import { DESKTOP, expectAccessible, expectFits, launch, open, PHONE, shoot } from "./browser.ts";

/** The console's pages of agent sessions, in a real browser. */

let stage: AgentStage;
let browser: Browser;

beforeAll(async () => {
  stage = await startAgentStage();
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await stage?.[Symbol.asyncDispose]();
});

const at = (path: string): string => {
  const address = new URL(path, stage.console.url);
  address.searchParams.set("token", PAGE_TOKEN);
  return address.href;
};

test("a session's question comes by itself, and is answered in a dialog; then its turn is stopped", async () => {
  const session = await stage.make("ses_live");
  await using watched = await open(browser, at("/agents"));
  const { page, complaints } = watched;
  await page.getByRole("link", { name: "ses_live" }).click();
  await stage.ask(session, "t1");
  await page.getByRole("link", { name: /^Allow/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Allow" }).click();
  await eventually(() => expect(stage.allowed).toEqual([true]));
  await page.locator("#events").getByText("turn_ended").first().waitFor();
  await stage.ask(session, "t2");
  await page.getByRole("link", { name: /^Stop the turn/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Stop the turn" }).click();
  await page
    .locator("#events")
    .getByText(/cancelled|interrupted/)
    .first()
    .waitFor();
  expect(complaints).toEqual([]);
});

test.each([
  ["light", DESKTOP],
  ["dark", DESKTOP],
  ["light", PHONE],
  ["dark", PHONE],
] as const)("%s at %o: nothing is cut off, and axe finds nothing", async (colorScheme, viewport) => {
  const session = await stage.make(`ses_${colorScheme}_${viewport.width}`);
  await stage.ask(session, "t1");
  await using watched = await open(browser, at("/agents"), { colorScheme, viewport });
  const { page, complaints } = watched;
  const where = `${colorScheme} ${viewport.width}`;
  await page.getByRole("link", { name: session.id }).waitFor();
  for (const path of ["/agents", `/agent?name=${session.name}`]) {
    await page.goto(at(path));
    if (path.startsWith("/agent?")) await page.getByRole("link", { name: /^Allow/ }).waitFor();
    await expectFits(page, `${path} ${where}`);
    await expectAccessible(page, `${path} ${where}`);
    await shoot(page, `agents-${where}-${path.length}`);
  }
  await page.getByRole("link", { name: /^Deny/ }).click();
  await page.getByRole("dialog").waitFor();
  await expectAccessible(page, `dialog ${where}`);
  await page.getByRole("dialog").getByRole("button", { name: "Deny" }).click();
  await page.locator("#events").getByText("turn_ended").first().waitFor();
  expect(complaints).toEqual([]);
});
