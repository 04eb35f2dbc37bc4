import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { errorText } from "../../../../src/shared/base/errors.ts";
import { secretsOfUrls, showUrl, showUrlsIn } from "../../../../src/shared/base/show-url.ts";

describe("CRED-1: how URLs are printed", () => {
  test.each([
    ["nats://127.0.0.1:4222", "nats://127.0.0.1:4222"],
    ["https://c.example/api", "https://c.example/api"],
    ["nats://u:p@h:4222", "nats://[secret]@h:4222"],
    ["nats://token@h", "nats://[secret]@h"],
    ["u:p@h:4222", "[secret]@h:4222"],
    ["nats://u:p@a,tls://t@b,nats://c", "nats://[secret]@a,tls://[secret]@b,nats://c"],
    ["nats://u:p@a, nats://u:p@b", "nats://[secret]@a, nats://[secret]@b".replace(", ", ", ")],
    ["https://u:p@ss@h/x", "https://[secret]@h/x"],
    ["https://u:p/w#x?y@h/x", "https://[secret]@h/x"],
    ["https://u:p w\"'@h", "https://[secret]@h"],
    ["HTTP://U:P@h", "HTTP://[secret]@h"],
    ["https://c.example/x?token=abc", "https://c.example/x?[secret]"],
    ["a runner@home", "[secret]@home"],
    ["8080", "8080"],
  ])("%s", (url, shown) => expect(showUrl(url)).toBe(shown));

  test.each([
    ["fetch of http://u:p@h/x?y failed", "fetch of http://[secret]@h/x?[secret] failed"],
    ['cannot parse "https://u:p@h", sorry', 'cannot parse "https://[secret]@h", sorry'],
    ["nats://u:p@a:1,nats://u:p@b:1: refused", "nats://[secret]@a:1,nats://[secret]@b:1: refused"],
    [
      "mail to somebody@example.org, see https://x.example/a",
      "mail to somebody@example.org, see https://x.example/a",
    ],
  ])("in a text: %s", (text, shown) => {
    expect(showUrlsIn(text)).toBe(shown);
    expect(errorText(new Error("outer", { cause: new Error(text) }))).toBe(`outer: ${shown}`);
  });

  test("no password of any characters is left, in a value and as the filter of the logs knows it", () => {
    const password = fc
      .string({ minLength: 6 })
      .filter((text) => !"scheme://[secret]@host.example".includes(text));
    fc.assert(
      fc.property(password, (word) => {
        fc.pre(!word.includes("@") || word.length > 8);
        for (const url of [
          `nats://user:${word}@host.example`,
          `nats://user:${encodeURIComponent(word.toWellFormed())}@host.example`,
        ])
          expect(showUrl(url)).not.toContain(word);
      }),
    );
    expect(secretsOfUrls("nats://u:p%40ss@h,nats://t0ken@h2")).toEqual(
      expect.arrayContaining(["p%40ss", "p@ss", "t0ken", "u:p@ss"]),
    );
    expect(secretsOfUrls("https://c.example/a@b")).toEqual(["c.example/a", "c.example/a"]);
    expect(secretsOfUrls("plain")).toEqual([]);
  });
});
