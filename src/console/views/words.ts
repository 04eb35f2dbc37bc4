import { ERRORS } from "../../shared/base/errors.ts";
import { showAge } from "../../shared/base/show.ts";
import { html, type Html } from "./html.ts";

/** A count with thin spaces between its thousands. Pure. */
export function showCount(count: number): string {
  return Math.round(count)
    .toString()
    .replaceAll(/\B(?=(?:\d{3})+$)/g, "\u202f");
}

/** A rate per second; with a decimal where it is small. Pure. */
export function showRate(rate: number): string {
  if (rate >= 10 || rate === 0 || Number.isInteger(rate)) return `${showCount(rate)}/s`;
  return rate < 0.1 ? "<\u202f0.1/s" : `${rate.toFixed(1).replace(/\.0$/, "")}/s`;
}

/** `1 event`, `2 events`. Pure. */
export function counted(count: number, noun: string): string {
  return `${showCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** A moment, in UTC; the script shows it in the reader's zone. `clock`: only the time of day; `bare`: without its zone, which stands beside it. */
export function timeOf(wall: number | string, show?: "clock" | "bare"): Html {
  const date = new Date(wall);
  if (Number.isNaN(date.getTime())) return html`–`;
  const iso = date.toISOString();
  if (show !== undefined)
    return html`<time datetime="${iso}" data-show="${show}"
      >${iso.slice(11, 19)}${show === "clock" && " UTC"}</time
    >`;
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace("T", " ")} UTC</time>`;
}

/** How long ago, for people. */
export function ago(wall: number, now: number): string {
  return `${showAge(now - wall)} ago`;
}

/** What an error code means; the code itself if it is none. Pure. */
export function titleOf(code: string): string {
  return code in ERRORS ? ERRORS[code as keyof typeof ERRORS].title : code;
}

/** A text without its end, if it is long. Pure. */
export function shorten(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
