import { headers, type MsgHdrs } from "@nats-io/nats-core";
import { expect, test } from "vitest";
import { readStatus } from "../../../../src/relay/source/pull.ts";

/** A status as the broker sends it, with how much of the pull is left. */
function status(code: number, description: string, left: Record<string, string> = {}): { headers: MsgHdrs } {
  const head = headers(code, description);
  for (const [name, value] of Object.entries(left)) head.set(name, value);
  return { headers: head };
}

const few = { "Nats-Pending-Messages": "3", "Nats-Pending-Bytes": "10" };
const all = { "Nats-Pending-Messages": "250", "Nats-Pending-Bytes": "100000000" };

test.each([
  ["a sign of life ends nothing", status(100, "Idle Heartbeat"), undefined],
  ["the time is over", status(408, "Request Timeout", few), { left: 3, kind: "over" }],
  ["its bytes are used up", status(409, "Message Size Exceeds MaxBytes", few), { left: 3, kind: "over" }],
  [
    "BOUND-1: nothing came for all those bytes",
    status(409, "Message Size Exceeds MaxBytes", all),
    { left: 250, kind: "too_large" },
  ],
  ["another relay is pinned", status(423, "Nats-Wrong-Pin-Id", few), { left: 3, kind: "other_pinned" }],
  ["the consumer is gone", status(404, "No Messages"), { left: 250, kind: "gone" }],
  ["the consumer was deleted", status(409, "Consumer Deleted"), { left: 250, kind: "gone" }],
  ["its leader changes", status(409, "Leadership Change", few), { left: 3, kind: "error" }],
  ["nobody is there to answer", { headers: undefined }, { left: 250, kind: "error" }],
])("what the end of a pull means: %s", (_, msg, expected) => {
  expect(readStatus(msg as Parameters<typeof readStatus>[0])).toEqual(expected);
});
