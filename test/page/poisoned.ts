import type { Page } from "playwright-core";
import { expect } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { Stage } from "./stage.ts";

/** A session id that is out for trouble. */
export const HOSTILE: string = `ses_<img src=x onerror=alert(1)> \u202e"'&`;
const words = (text: string): object[] => [{ type: "text", text }];

/** Makes four dead letters: three of one plain session, and one of {@link HOSTILE}. */
export async function buryPoison(stage: Stage): Promise<void> {
  stage.scripted.faults.set([
    {
      body: "POISON",
      action: {
        kind: "status",
        status: 422,
        body: { detail: "content: <script>alert(2)</script> \u001b[31mred" },
      },
    },
  ]);
  for (let n = 0; n < 3; n++) await stage.event("ses_poison", { content: words(`POISON ${n}`) });
  await eventually(async () => expect((await stage.status()).dead.messages).toBe(3));
  await stage.event(HOSTILE, { content: words("POISON <script>alert(3)</script> \u001b[2J") });
  await eventually(async () => expect((await stage.status()).dead.messages).toBe(4));
  stage.scripted.faults.clear();
}

/** An address of the page that lets a new browser in. */
export function at(stage: Stage, path: string): string {
  const address = new URL(path, stage.console);
  address.search += `${address.search === "" ? "?" : "&"}${new URL(stage.page ?? "").searchParams.toString()}`;
  return address.href;
}

/** What an element shows. */
export const text = async (page: Page, selector: string): Promise<string> =>
  (await page.locator(selector).innerText()).trim();

/** Digits of a number with spaces between its thousands. */
export const numberAt = async (page: Page, selector: string): Promise<number> =>
  Number((await text(page, selector)).replaceAll(/[^\d.]/g, ""));
