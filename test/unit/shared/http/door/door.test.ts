import { assert, nat, pre, property, string } from "fast-check";
import { expect, test } from "vitest";
import {
  addressWithToken,
  createDoor,
  PASS_MS,
  type Door,
} from "../../../../../src/shared/http/door/door.ts";

const TOKEN = "0123456789abcdefABCDEF-_";
const NOBODY = { authorization: undefined, cookie: undefined, offered: undefined };

/** A door at a time that a test sets. */
function doorAt(start: number, token = TOKEN): { door: Door; go(to: number): void } {
  let now = start;
  return { door: createDoor({ token, wall: () => now }), go: (to) => void (now = to) };
}

/** What a browser sends back of a `Set-Cookie`. */
const sent = (cookie: string | undefined): string => cookie?.split(";")[0] ?? "";

test("a cookie is out of reach of scripts and of other sites, and is not the token", () => {
  const cookie = doorAt(1000).door.exchange(TOKEN) ?? "";
  expect(cookie).toMatch(
    /^rr-page-[\w-]{8}=[0-9a-z]+\.[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
  );
  expect(cookie).not.toContain(TOKEN);
});

test.each<[string, Partial<typeof NOBODY> | Record<string, string>, object]>([
  ["nothing", {}, { kind: "closed", wrong: false }],
  ["the token by a program", { authorization: `Bearer ${TOKEN}` }, { kind: "open" }],
  ["in another spelling", { authorization: `  bearer   ${TOKEN} ` }, { kind: "open" }],
  ["another token", { authorization: `Bearer ${TOKEN}x` }, { kind: "closed", wrong: true }],
  ["its beginning", { authorization: `Bearer ${TOKEN.slice(0, -1)}` }, { kind: "closed", wrong: true }],
  ["it in capitals", { authorization: `Bearer ${TOKEN.toUpperCase()}` }, { kind: "closed", wrong: true }],
  ["an empty bearer", { authorization: "Bearer " }, { kind: "closed", wrong: false }],
  ["another scheme", { authorization: `Basic ${TOKEN}` }, { kind: "closed", wrong: false }],
  ["the token bare", { authorization: TOKEN }, { kind: "closed", wrong: false }],
  ["the token as a cookie", { cookie: `rr-page=${TOKEN}; token=${TOKEN}` }, { kind: "closed", wrong: false }],
  ["the token in the address", { offered: TOKEN }, { kind: "exchange", cookie: expect.any(String) }],
  ["another one in the address", { offered: `${TOKEN} ` }, { kind: "closed", wrong: true }],
  ["an empty one in the address", { offered: "" }, { kind: "closed", wrong: true }],
])("%s: %j", (_, brought, judged) => {
  expect(doorAt(1000).door.judge({ ...NOBODY, ...brought })).toEqual(judged);
});

test("a cookie is valid until it expires, and survives a restart", () => {
  const { door, go } = doorAt(1_000_000);
  const cookie = sent(door.exchange(TOKEN));
  expect(door.judge({ ...NOBODY, cookie })).toEqual({ kind: "open" });
  expect(door.judge({ ...NOBODY, cookie: `a=b; ${cookie}; c="d"` }).kind).toBe("open");
  go(1_000_000 + PASS_MS - 1);
  expect(door.judge({ ...NOBODY, cookie }), "use does not make it longer").toEqual({ kind: "open" });
  expect(doorAt(1_000_000 + PASS_MS - 1).door.judge({ ...NOBODY, cookie }).kind).toBe("open");
  for (const to of [1_000_000 + PASS_MS, 1_000_000 + 10 * PASS_MS, 999_999]) {
    go(to); // also a clock that went back: a pass is never good for longer than a whole one
    expect(door.judge({ ...NOBODY, cookie }), String(to)).toEqual({ kind: "closed", wrong: false });
  }
});

test("an address with a token loses it also for a browser that has a cookie", () => {
  const { door } = doorAt(5);
  const cookie = sent(door.exchange(TOKEN));
  // and gets no new cookie for it: one that was stolen cannot be made longer
  expect(door.judge({ ...NOBODY, cookie, offered: "old" })).toEqual({ kind: "exchange", cookie: undefined });
});

test("a cookie of another token is worth nothing, and does not replace ours", () => {
  const ours = doorAt(5).door;
  const other = doorAt(5, `${TOKEN}2`).door;
  const cookie = sent(other.exchange(`${TOKEN}2`));
  expect(ours.judge({ ...NOBODY, cookie }).kind).toBe("closed");
  expect(cookie.split("=")[0]).not.toBe(sent(ours.exchange(TOKEN)).split("=")[0]);
  expect(ours.judge({ ...NOBODY, cookie: `${cookie}; ${sent(ours.exchange(TOKEN))}` }).kind).toBe("open");
});

test("no changed cookie is valid, and no other text", () => {
  const { door } = doorAt(1_000_000);
  const cookie = sent(door.exchange(TOKEN));
  assert(
    property(nat({ max: cookie.length - 1 }), string({ maxLength: 3 }), (at, put) => {
      const changed = cookie.slice(0, at) + put + cookie.slice(at + 1);
      if (changed === cookie || changed.trim() === cookie) return;
      // what is added behind a `;` is another cookie
      pre(!changed.split(";").some((pair) => pair.trim() === cookie));
      expect(door.judge({ ...NOBODY, cookie: changed }).kind).toBe("closed");
    }),
  );
  assert(
    property(string(), (text) => {
      for (const key of ["authorization", "cookie", "offered"] as const)
        expect(door.judge({ ...NOBODY, [key]: text }).kind).toBe("closed");
    }),
  );
});

test("an address carries any token that may be chosen", () => {
  const token = "a&b=c#d?e%2Bf+/g;\\h";
  const address = new URL(addressWithToken("http://127.0.0.1:8767", token));
  expect(address.searchParams.get("token")).toBe(token);
  expect(address.href).toMatch(/^http:\/\/127\.0\.0\.1:8767\/\?token=/);
});
