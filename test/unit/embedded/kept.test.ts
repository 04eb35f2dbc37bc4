import { expect, test } from "vitest";
import { keptIn } from "../../../src/embedded/kept.ts";

const PASSWORD = "abcdefghijklmnopqrstuvwxyz_-0189";

test.each<[unknown, unknown]>([
  [
    { port: 4222, passwords: { relay: PASSWORD } },
    { port: 4222, passwords: { relay: PASSWORD } },
  ],
  [
    { port: "4222", passwords: { relay: PASSWORD } },
    { port: -1, passwords: { relay: PASSWORD } },
  ],
  [
    { port: 4222, passwords: 7 },
    { port: 4222, passwords: {} },
  ],
  [
    { port: 4222, passwords: ["x"] },
    { port: 4222, passwords: {} },
  ],
  [
    { port: -5, passwords: { relay: 5, admin: {}, prune: null, operator: "" } },
    { port: -1, passwords: {} },
  ],
  [
    { port: 99_999, passwords: { relay: 'a"\nb', admin: "short", prune: "$2a$11$bcrypt.like.text" } },
    { port: -1, passwords: {} },
  ],
  [{ port: 3.5 }, { port: -1, passwords: {} }],
  [null, { port: -1, passwords: {} }],
  [undefined, { port: -1, passwords: {} }],
  [[], { port: -1, passwords: {} }],
  ["x", { port: -1, passwords: {} }],
])("of what a start left, %j, what can be used is used", (value, kept) => {
  expect(keptIn(value)).toEqual(kept);
});
