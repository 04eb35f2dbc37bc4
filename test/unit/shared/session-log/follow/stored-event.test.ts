import { headers, type Msg } from "@nats-io/nats-core";
import { expect, test } from "vitest";
import {
  heardEvent,
  readEvent,
  SESSIONS_LOG,
} from "../../../../../src/shared/session-log/follow/stored-event.ts";

const GOOD = {
  "Nats-Stream": "RR_SESSIONS",
  "Nats-Sequence": "7",
  "Nats-Subject": "rr.ses.s.out.text",
} as const;

type Values = Record<string, string | readonly string[]>;

function message(subject: string, values?: Values): Msg {
  const data = new Uint8Array([1]);
  if (values === undefined) return { subject, data } as unknown as Msg;
  const head = headers();
  for (const [name, value] of Object.entries(values))
    for (const one of [value].flat()) head.append(name, one);
  return { subject, data, headers: head } as unknown as Msg;
}

const EVENT = { seq: 7, subject: "rr.ses.s.out.text", data: new Uint8Array([1]) };

function read(values: Values): unknown {
  const { headers: head, data } = message("_INBOX_se.x.1", values);
  return readEvent(SESSIONS_LOG, head, data);
}

test("an event is known by what the broker says of it, heard or read", () => {
  expect(heardEvent(message("rr.live.s.out.text", GOOD))).toEqual(EVENT);
  expect(read({ ...GOOD, "Nats-Time-Stamp": "2026-01-01T00:00:00.5Z" })).toEqual({
    ...EVENT,
    at: Date.UTC(2026, 0, 1) + 500,
  });
  expect(read(GOOD)).toEqual({ ...EVENT, at: 0 });
});

test.each<[string, string, Values | undefined]>([
  ["an answer of the broker to somebody who named this subject", "rr.live.s.out.text", undefined],
  ["an event of another session", "rr.live.other.out.text", GOOD],
  ["another event of this session", "rr.live.s.out.end", GOOD],
  ["a message of another stream", "rr.live.s.out.text", { ...GOOD, "Nats-Stream": "RR_EVENTS" }],
  [
    "a message of another stream, stored with the headers of an event",
    "rr.live.s.out.text",
    { ...GOOD, "Nats-Stream": ["RR_SESSIONS", "KV_RR_STATE"] },
  ],
  ["a second sequence", "rr.live.s.out.text", { ...GOOD, "Nats-Sequence": ["7", "9"] }],
  ["no sequence", "rr.live.s.out.text", { ...GOOD, "Nats-Sequence": "x" }],
  ["a sequence that none has", "rr.live.s.out.text", { ...GOOD, "Nats-Sequence": "0" }],
])("SEEN-1: %s is not believed under rr.live", (_, subject, values) => {
  expect(heardEvent(message(subject, values))).toBeUndefined();
});

test("of what an event was stored with, and what the broker adds, the broker's counts", () => {
  const forged = {
    "Nats-Stream": ["RR_EVENTS", "RR_SESSIONS"],
    "Nats-Sequence": ["1", "7"],
    "Nats-Subject": ["rr.ses.other.out.text", "rr.ses.s.out.text"],
  };
  expect(read(forged)).toEqual({ ...EVENT, at: 0 });
  expect(read({ ...GOOD, "Nats-Subject": "rr.ev.1.r.s.event" })).toBeUndefined();
  expect(readEvent(SESSIONS_LOG, undefined, new Uint8Array())).toBeUndefined();
});
