import { encodeEnvelope, type Envelope } from "../../src/shared/log/schema/envelope.ts";
import { pack } from "../../src/shared/base/msgpack.ts";
import { MAX_DATA_BYTES, WINDOW_FRAMES } from "../../src/shared/messages/tunnel/frame.ts";
import type { Random } from "./random.ts";

/** A message that is built to be expensive for who reads it, from somebody with a gateway's login. */
export type MessageBomb =
  /** Put into the log. `unreadable`: no envelope for any reader. */
  | { kind: "event"; session: string; payload: Uint8Array; unreadable: boolean }
  /** A question to relays, or the opening of a request. */
  | { kind: "question"; of: "receipt" | "http"; payload: Uint8Array }
  /** A request with a body in frames; each of `messages` follows when a relay took it. */
  | { kind: "flood"; messages: Uint8Array[] };

/** Sizes, bytes, and how many of a thousand; drawn log-uniformly. */
const SIZES: readonly { perMille: number; from: number; to: number }[] = [
  { perMille: 979, from: 100, to: 2000 },
  { perMille: 20, from: 8 * 1024, to: 64 * 1024 },
  { perMille: 1, from: 256 * 1024, to: 7 * 1024 * 1024 },
];
export const BOMB_RUNNER = "runner-bombs";

export function sizeOf(random: Random): number {
  let drawn = random.next() * 1000;
  const size = SIZES.find(({ perMille }) => (drawn -= perMille) < 0) ?? { from: 200, to: 200 };
  return Math.floor(size.from * (size.to / size.from) ** random.next());
}

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random.next() * list.length)] as T;
}

/** The next bomb; a seed repeats them. Each unreadable event has a session of its own kind: `torn-…`, the others are `bomb-…`. */
export function messageBombOf(random: Random, sessions: number): MessageBomb {
  const drawn = random.next();
  if (drawn < 0.05)
    return { kind: "question", of: pick(random, ["receipt", "http"]), payload: textOrBytes(random) };
  if (drawn < 0.1) return { kind: "flood", messages: floodOf(random) };
  const n = Math.floor(random.next() * sessions);
  if (drawn < 0.7) {
    const session = `torn-${n}`;
    return { kind: "event", session, payload: unreadableOf(random, session), unreadable: true };
  }
  const session = `bomb-${n}`;
  return {
    kind: "event",
    session,
    payload: envelopeOf(session, { body: bodyOf(random) }),
    unreadable: false,
  };
}

/** An envelope as a gateway writes it, with whatever change. */
function envelopeOf(session: string, change: Record<string, unknown> = {}): Uint8Array {
  const whole: Envelope = {
    v: 1,
    id: `b${session}`,
    kind: "event",
    session,
    runner: BOMB_RUNNER,
    epoch: "e",
    seq: 1,
    at: 0,
    type: "application/json",
    body: Buffer.from("{}"),
  };
  return encodeEnvelope({ ...whole, ...change });
}

/** Containers of small values, in containers, of declared lengths, of types that nobody writes; and envelopes that cannot be sent. */
function unreadableOf(random: Random, session: string): Uint8Array {
  const size = sizeOf(random);
  const declared = Buffer.from([pick(random, [0xdd, 0xdf]), 0, 0, 0, 0]);
  declared.writeUInt32BE(pick(random, [size, 0xffffffff]), 1);
  switch (Math.floor(random.next() * 8)) {
    case 0:
      return Buffer.concat([declared, Buffer.alloc(size, pick(random, [0x80, 0x90, 0x00, 0xc0, 0xa0]))]);
    case 1:
      return Buffer.alloc(
        size,
        pick(
          random,
          [[0x91], [0x81, 0xa1, 0x61], [0xdc, 0, 1]].map((unit) => Buffer.from(unit)),
        ),
      );
    case 2:
      return Buffer.alloc(
        size,
        pick(
          random,
          [
            [0xd4, 0x72, 0x40],
            [0xc9, 0xff, 0xff, 0xff, 0xff],
            [0xd6, 0xff],
          ].map((unit) => Buffer.from(unit)),
        ),
      );
    case 3:
      return Buffer.concat([
        Buffer.from([pick(random, [0xdb, 0xc6]), 0xff, 0xff, 0xff, 0xff]),
        Buffer.alloc(size),
      ]);
    case 4:
      return envelopeOf(session, {
        more: Array.from({ length: 100 + (size >> 2) }, () => pick(random, [0, {}, "", []])),
      });
    case 5:
      return envelopeOf(session, {
        [pick(random, ["type", "epoch", "trace", "tracestate"])]: "x\r\n".repeat(1 + size / 3),
      });
    case 6:
      return envelopeOf(session, {
        [pick(random, ["runner", "answer", "id", "session"])]: "y".repeat(1100 + size),
      });
    default:
      return envelopeOf(session).subarray(0, -1 - Math.floor(random.next() * 20));
  }
}

/** A body that the relay must not look into. */
function bodyOf(random: Random): Uint8Array {
  const unit = pick(random, ["{},", "[", '{"a":', "1,", '"\\u0041",', "\u0000"]);
  return Buffer.alloc(Math.min(sizeOf(random), 4 * 1024 * 1024), unit);
}

function textOrBytes(random: Random): Uint8Array {
  const size = sizeOf(random);
  const unit = pick(random, ["{},", "[", '{"id":', "\u0091", "\u0080"]);
  const text = Buffer.alloc(size, unit, "latin1");
  return random.next() < 0.5
    ? text
    : Buffer.concat([Buffer.from('{"id":"x","seq":1,"more":['), text, Buffer.from("{}]}")]);
}

/** Messages of frames beyond what was agreed: too many, too large, credit without end, ends and heads that are none. */
function floodOf(random: Random): Uint8Array[] {
  const data = (length: number): Buffer => frame(2, Buffer.alloc(length));
  switch (Math.floor(random.next() * 5)) {
    case 0: // far beyond the credit
      return Array.from({ length: 2 * WINDOW_FRAMES }, (_, i) =>
        message(i, [data(Math.min(sizeOf(random), MAX_DATA_BYTES))]),
      );
    case 1: // empty ones without end
      return [
        message(
          0,
          Array.from({ length: 1000 + sizeOf(random) }, () => data(0)),
        ),
      ];
    case 2: // as large as the broker takes
      return [
        message(
          0,
          Array.from({ length: 1 + Math.floor(random.next() * 20) }, () => data(MAX_DATA_BYTES)),
        ),
      ];
    case 3:
      return [message(0, [frame(4, pack({ frames: pick(random, [1e9, -1, 0.5, "9", null]) }))])];
    default:
      return [message(0, [frame(pick(random, [0, 1, 3, 5]), unreadableOf(random, "flood"))])];
  }
}

function frame(type: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(type);
  head.writeUInt32BE(payload.length, 1);
  return Buffer.concat([head, payload]);
}

function message(number: number, frames: readonly Buffer[]): Uint8Array {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(number);
  return Buffer.concat([head, ...frames]);
}
