import { describe, expect, test } from "vitest";
import { questionOf } from "../../../../src/gateway/report/receipts.ts";

describe("the question of a receipt", () => {
  test.each([
    ["abc-1", "seq=7", { id: "abc-1", seq: 7 }],
    ["abc", "", { code: "field_missing" }],
    ["abc", "seq=0", { code: "field_invalid" }],
    ["abc", "seq=1e3", { code: "field_invalid" }],
    ["abc", "seq=9999999999999999", { code: "field_invalid" }],
    ["a.b", "seq=1", { code: "not_found" }],
    ["*", "seq=1", { code: "not_found" }],
  ])("%s?%s", (id, query, question) => expect(questionOf(id, query)).toMatchObject(question));
});
