import { expect, test } from "vitest";
import { readCallerQuestion } from "../../../../../src/shared/messages/caller-token/question.ts";
import { newAnswerKey, seal } from "../../../../../src/shared/messages/caller-token/seal.ts";
import { isCallerAnswer } from "../../../../../src/shared/messages/caller-token/subjects.ts";

const TOKEN = "Bearer caller-token-0123456789";

test("a token is sealed for one key and one turn, and the message does not show it", async () => {
  const [mine, other] = [await newAnswerKey(), await newAnswerKey()];
  const sealed = await seal(TOKEN, "turn-1", mine.key);
  const text = Buffer.from(sealed).toString();
  for (const form of [TOKEN, Buffer.from(TOKEN).toString("base64url").slice(2, 20)])
    expect(text).not.toContain(form);
  expect(await mine.open(sealed, "turn-1")).toBe(TOKEN);
  await expect(mine.open(sealed, "turn-2")).rejects.toThrow("another turn");
  await expect(other.open(sealed, "turn-1")).rejects.toThrow();
  const [head = "", ...rest] = text.split(".");
  const forged = JSON.parse(Buffer.from(head, "base64url").toString()) as Record<string, unknown>;
  const changed = Buffer.from(JSON.stringify({ ...forged, turn: "turn-2" })).toString("base64url");
  await expect(mine.open(Buffer.from([changed, ...rest].join(".")), "turn-2")).rejects.toThrow();
});

test("questions that are none are not read", async () => {
  const { key } = await newAnswerKey();
  const read = (it: unknown): unknown => readCallerQuestion(Buffer.from(JSON.stringify(it)));
  expect(read({ session: "s", turn: "t", key })).toEqual({ session: "s", turn: "t", key });
  const odd = [
    null,
    [],
    "x",
    {},
    { session: "s", turn: "t" },
    { session: 1, turn: "t", key },
    { session: "s", turn: "t", key: { ...key, crv: "P-256" } },
    { session: "s", turn: "t", key: { ...key, x: "short" } },
    { session: "s", turn: "t".repeat(3000), key },
  ];
  expect(odd.map(read)).toEqual(odd.map(() => undefined));
  expect(readCallerQuestion(Buffer.from("{"))).toBeUndefined();
});

test("answers go where workers hear them, and nowhere else", () => {
  const subjects = [
    "rr.caller.to.a-1",
    "rr.caller.to.a.b",
    "rr.caller.to.*",
    "rr.caller.to.>",
    "rr.ses.s.in.turn.t",
    "_INBOX_wo.x",
    undefined,
  ];
  expect(subjects.map(isCallerAnswer)).toEqual([true, ...Array<boolean>(6).fill(false)]);
});
