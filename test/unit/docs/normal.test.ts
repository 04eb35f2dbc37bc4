import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isShown } from "../../integration/docs/normal.ts";

/** What commands of the documentation print of a moment: an HTTP header, our own tables and JSON, the `nats` CLI in its zone. */
const FORMS: Record<string, (at: Date, zone: string) => string> = {
  "Date header": (at) => `HTTP/1.1 200 OK\nDate: ${at.toUTCString()}\nConnection: keep-alive`,
  "Date header as RFC 850 wrote it": (at) => `Date: ${rfc850(at)}`,
  "Date header as asctime() writes it": (at) => `Date: ${asctime(at)}`,
  ISO: (at) => `{"created_at":"${at.toISOString()}"}`,
  "ISO with an offset": (at) => `{"created_at":"${at.toISOString().replace("Z", "+00:00")}"}`,
  "date and time": (at) => `since ${at.toISOString().slice(0, 19).replace("T", " ")}, by an operator`,
  "a zone of its own": (at, zone) => `Time: ${inZone(at, zone)}`,
};

const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

function rfc850(at: Date): string {
  const [, day, month, year, time] = at.toUTCString().split(" ");
  return `${WEEKDAYS[at.getUTCDay()]}, ${day}-${month}-${year?.slice(2)} ${time} GMT`;
}

function asctime(at: Date): string {
  const [weekday, day, month, year, time] = at.toUTCString().split(" ");
  return `${weekday?.slice(0, 3)} ${month} ${String(Number(day)).padStart(2, " ")} ${time} ${year}`;
}

/** As Go prints it: `2026-11-29 17:05:00 +0530 IST`, or `+0545` again where a zone has no letters. */
function inZone(at: Date, zone: string): string {
  const local = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium", timeZone: zone });
  const offset =
    new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" })
      .formatToParts(at)
      .find(({ type }) => type === "timeZoneName")
      ?.value.replace(/GMT|:/g, "") || "+0000";
  const name = { "Asia/Kolkata": "IST", UTC: "UTC", "America/New_York": "EST" }[zone] ?? offset;
  return `${local.format(at)} ${offset.slice(0, 5)} ${name.slice(0, 5)}`;
}

const ZONES = ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "Pacific/Kiritimati"];
/** From this project's first day to the last year of four digits. */
const moments = fc.date({
  min: new Date("2026-11-01T00:00:00Z"),
  max: new Date("9999-12-30T00:00:00Z"),
  noInvalidDate: true,
});

describe("two runs of a command that differ in their time only are the same", () => {
  test.each(Object.entries(FORMS))("%s", (_, form) => {
    fc.assert(
      fc.property(
        moments,
        moments,
        fc.constantFrom(...ZONES),
        fc.constantFrom(...ZONES),
        (shown, real, here, there) => isShown(form(shown, here), form(real, there)),
      ),
    );
  });

  test("ages, from milliseconds to years", () => {
    for (const age of ["12ms", "3s", "1m 2s", "4h5m6.7s", "8d 3h", "2y98d1h0m5s"])
      expect(isShown("waits for 1s, then goes on", `waits for ${age}, then goes on`), age).toBe(true);
  });
});

describe("anything else that differs is noticed", () => {
  test.each([
    ["a header without a date", "Date: Sat, 21 Nov 2026 03:21:13 GMT", "Date: "],
    ["a date that is none", "Date: Sat, 21 Nov 2026 03:21:13 GMT", "Date: Sat, 21 Nov 2026 GMT"],
    [
      "a local time where GMT is due",
      "Date: Sat, 21 Nov 2026 03:21:13 GMT",
      "Date: Sat, 21 Nov 2026 03:21:13 IST",
    ],
    ["another header", "Date: Sat, 21 Nov 2026 03:21:13 GMT", "Expires: Sat, 21 Nov 2026 03:21:13 GMT"],
    ["another status", "HTTP/1.1 200 OK", "HTTP/1.1 202 Accepted"],
    ["another count", "3 events wait", "4 events wait"],
    ["a word behind a time", "at 2026-11-21 03:21:13 by ada", "at 2026-11-21 03:21:13 by bob"],
  ])("%s", (_, shown, real) => {
    expect(isShown(shown, real)).toBe(false);
  });
});
