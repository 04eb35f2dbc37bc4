import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readSetting, type SettingKind } from "../../../../../src/shared/base/config/setting.ts";

describe("one value", () => {
  const duration: SettingKind = { type: "duration", minMs: 0, maxMs: 1e9 };
  const bytes: SettingKind = { type: "bytes", min: 0, max: 1e15 };
  const integer: SettingKind = { type: "integer", min: -5, max: 5 };
  const url: SettingKind = { type: "url" };
  const urls: SettingKind = { type: "urls" };
  const flag: SettingKind = { type: "flag" };

  test.each<[SettingKind, string, string | number | boolean]>([
    [duration, "500ms", 500],
    [duration, "2s", 2000],
    [duration, "2", 2000],
    [duration, "1.5m", 90_000],
    [duration, "1 H", 3_600_000],
    [duration, "7d", 604_800_000],
    [bytes, "4MiB", 4_194_304],
    [bytes, "64 kib", 65_536],
    [bytes, "10", 10],
    [bytes, "1GB", 1e9],
    [integer, "-5", -5],
    [integer, "005", 5],
    [flag, "TRUE", true],
    [flag, "on", true],
    [flag, "0", false],
    [url, "https://c.example/api///", "https://c.example/api"],
    [url, "http://c:80/", "http://c"],
    [urls, "http://a:8222", "http://a:8222"],
    [urls, "http://a:8222/, https://b", "http://a:8222,https://b"],
    [{ type: "choice", of: ["a", "b"] }, "b", "b"],
    [{ type: "path" }, "/a b", "/a b"],
  ])("%j reads %j as %j", (kind, text, value) => {
    expect(readSetting(kind, text)).toEqual({ ok: true, value });
  });

  test.each<[SettingKind, string]>([
    [duration, "5constructor"],
    [duration, "5toString"],
    [duration, "-1s"],
    [duration, "1e3"],
    [duration, "s"],
    [duration, ""],
    [duration, "99999d"],
    [bytes, "1EiB"],
    [bytes, "9".repeat(400)],
    [integer, "6"],
    [integer, "1.5"],
    [integer, "0x1"],
    [integer, "1e1"],
    [integer, " 1"],
    [integer, "9".repeat(30)],
    [flag, "maybe"],
    [flag, ""],
    [url, "c.example"],
    [urls, "http://a,"],
    [urls, "http://a, https://user:pw@b"],
    [url, "ftp://c.example"],
    [url, "https://user:pw@c.example"],
    [url, "https://c.example/?"],
    [url, "https://c.example/?a=1"],
    [url, "https://c.example/#a"],
    [{ type: "choice", of: ["a", "b"] }, "A"],
    [{ type: "text" }, ""],
  ])("%j refuses %j", (kind, text) => {
    expect(readSetting(kind, text)).toMatchObject({ ok: false });
  });

  test("whatever the text, a number that is read is within its bounds", () => {
    const text = fc.oneof(
      fc.string(),
      fc
        .tuple(fc.nat(1e6), fc.constantFrom("", "ms", "s", "m", "h", "d", "kib", "valueof"))
        .map(([n, unit]) => `${n}${unit}`),
    );
    fc.assert(
      fc.property(text, (it) => {
        for (const kind of [
          { type: "duration", minMs: 10, maxMs: 1e6 },
          { type: "bytes", min: 10, max: 1e6 },
          { type: "integer", min: 10, max: 1e6 },
        ] as const) {
          const result = readSetting(kind, it);
          if (!result.ok) continue;
          expect(Number.isSafeInteger(result.value)).toBe(true);
          expect(result.value).toBeGreaterThanOrEqual(10);
          expect(result.value).toBeLessThanOrEqual(1e6);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
