import { expect, test } from "vitest";
import { readAck } from "../../../../../src/shared/log/append/ack.ts";

function refusal(code: number, errCode: number): string {
  return JSON.stringify({
    error: { code, err_code: errCode, description: "no" },
    stream: "RR_EVENTS",
    seq: 0,
  });
}

test.each([
  [400, 10071, { kind: "refused", refusal: "log_refused" }],
  [503, 10077, { kind: "refused", refusal: "log_full" }],
  [503, 10008, { kind: "refused", refusal: "later" }],
])("a refusal is none that stored anything, although it names a sequence: %i/%i", (code, errCode, ack) => {
  expect(readAck(refusal(code, errCode))).toMatchObject(ack);
});

test("DURABLE-1: what is being stored by servers that replicate is neither stored nor refused yet", () => {
  expect(readAck(refusal(409, 10158)).kind).toBe("unknown");
});
