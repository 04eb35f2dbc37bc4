import * as fc from "fast-check";
import { expect, test } from "vitest";
import { verdictOf } from "../../../src/tokens/token-review.ts";

const POD_UID = "authentication.kubernetes.io/pod-uid";
const USER = { username: "system:serviceaccount:runners:runner", extra: { [POD_UID]: ["u1"] } };
const RIGHT = { authenticated: true, audiences: ["runner-relay"], user: USER };
const verdict = (status: unknown): unknown => verdictOf({ status }, "runner-relay");

test("a pod's token names account and pod", () => {
  const pod = { namespace: "runners", serviceAccount: "runner", uid: "u1" };
  expect(verdict(RIGHT)).toEqual({ kind: "pod", pod });
});

test.each<[string, unknown]>([
  ["nothing", undefined],
  ["a text", "authenticated"],
  ["one that is not known", { ...RIGHT, authenticated: false }],
  ["one that is known as a text", { ...RIGHT, authenticated: "true" }],
  ["one without audiences: the server may not know them", { ...RIGHT, audiences: undefined }],
  ["one for another audience", { ...RIGHT, audiences: ["runner-relay2"] }],
  ["a person", { ...RIGHT, user: { ...USER, username: "runner" } }],
  ["a name with more behind it", { ...RIGHT, user: { ...USER, username: `${USER.username}:x` } }],
  ["an account without a pod", { ...RIGHT, user: { ...USER, extra: {} } }],
  ["two pods", { ...RIGHT, user: { ...USER, extra: { [POD_UID]: ["u1", "u2"] } } }],
  ["an empty name of a pod", { ...RIGHT, user: { ...USER, extra: { [POD_UID]: [""] } } }],
])("%s is refused", (_, status) => {
  expect(verdict(status)).toMatchObject({ kind: "refused" });
});

test("no answer makes it fail, and none that is not the right one lets anybody in", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (answer) => {
      expect(verdictOf(answer, "runner-relay")).toMatchObject({ kind: "refused" });
    }),
  );
});
