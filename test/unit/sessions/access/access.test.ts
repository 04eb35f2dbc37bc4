import { expect, test } from "vitest";
import { createAccess } from "../../../../src/sessions/access/access.ts";
import type { Caller, Refusal } from "../../../../src/sessions/access/caller.ts";
import { createExpiries } from "../../../../src/sessions/access/expiries.ts";
import { createKeyRing } from "../../../../src/sessions/access/key-ring.ts";
import { SCOPES, wholeKey } from "../../../../src/sessions/access/keys.ts";
import type { Token } from "../../../../src/sessions/access/tokens.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const clock = createFakeClock();
const TOKEN = "eyJa.b.c";

function ask(
  headers: Record<string, string>,
  how: { token?: Token; open?: boolean } = {},
): Promise<Caller | Refusal> {
  const { token, open = false } = how;
  const tokens = token && { read: async () => token };
  const keys = createKeyRing(Buffer.alloc(32), [wholeKey("k1")]);
  const access = createAccess({ keys, tokens, expiries: createExpiries(clock), open });
  return access.caller({ headers, remoteAddress: "127.0.0.1" });
}

test("a key is its user", async () => {
  expect(await ask({ "x-api-key": "k1" })).toMatchObject({
    user: "default",
    scopes: new Set(SCOPES),
    open: false,
  });
});

test("nothing, an unknown key and different keys are refused by one code", async () => {
  const token: Token = { kind: "invalid", detail: "expired" };
  const refused = [
    await ask({}),
    await ask({ "x-api-key": "k2" }),
    await ask({ "x-api-key": TOKEN }),
    await ask({ authorization: `Bearer ${TOKEN}` }, { token }),
    await ask({ authorization: "Bearer k1", "x-api-key": "k2" }),
  ];
  expect(new Set(refused.map((it) => "code" in it && it.code))).toEqual(new Set(["inbound_unauthorized"]));
  expect(refused[1]).toEqual(refused[3]); // which of the reasons it was, is nobody's business
});

test("a token is its user until it ends", async () => {
  const until = clock.wall() + 60_000;
  const token: Token = { kind: "valid", user: "ann", scopes: new Set(["read"]), until };
  const caller = await ask({ authorization: `Bearer ${TOKEN}` }, { token });
  if (!("ended" in caller)) throw new Error("refused");
  expect(caller).toMatchObject({ user: "ann", scopes: new Set(["read"]), open: false });
  await clock.pass(60_000 - 1000);
  expect(caller.ended.aborted).toBe(false);
  await clock.pass(2000);
  expect(caller.ended.aborted).toBe(true);
});

test("while the issuer's keys cannot be had, a token is neither good nor bad", async () => {
  const token: Token = { kind: "unchecked", detail: "https://issuer.example: refused" };
  const refused = await ask({ authorization: `Bearer ${TOKEN}` }, { token });
  expect(refused).toMatchObject({ code: "issuer_unreachable" });
  expect(JSON.stringify(refused)).not.toContain("issuer.example");
});

test("an open server takes requests without a key, and those with one as that key's", async () => {
  for (const headers of [{}, { "x-api-key": "whatever" }, { authorization: "Bearer a", "x-api-key": "b" }])
    expect(await ask(headers, { open: true })).toMatchObject({ user: "default", open: true });
  expect(await ask({ "x-api-key": "k1" }, { open: true })).toMatchObject({ open: false });
});
