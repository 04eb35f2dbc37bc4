import { pack, unpack, type Bounds } from "../../base/msgpack.ts";

/**
 * What travels between gateway and relay for one passed-through request. A NATS message carries one or more frames and a number, so that
 * a lost message is noticed. Frames of one turn of the event loop share a message: a small answer is one message.
 *
 *   message = number (u32) frame*      frame = type (u8) length (u32) payload
 */
export type Frame =
  /** Relay → gateway: where further frames of the request go, and how many data frames the relay takes before it gives credit. */
  | { type: "accept"; relay: string; subject: string; credit: number }
  /** Relay → gateway: the answer's head. */
  | { type: "head"; status: number; statusText: string; headers: string[] }
  /** Both ways: bytes of a body, or of an upgraded connection. */
  | { type: "data"; bytes: Uint8Array }
  /** Both ways: the body is whole. `trailers` alternate names and values. */
  | { type: "end"; trailers: string[] }
  /** In both directions: this many more data frames may come. */
  | { type: "credit"; frames: number }
  /** Both ways: it ends here; `code` is one of the error catalogue, or `cancelled`. */
  | { type: "reset"; code: string; text: string };

/** Data bytes in one frame; two of them stay far below the smallest `max_payload` in use (1 MiB). */
export const MAX_DATA_BYTES: number = 64 * 1024;
/** Data frames on their way per direction: 32 × 64 KiB = 2 MiB bound the memory of a stream on either side (297 MB/s measured). */
export const WINDOW_FRAMES = 32;

const TYPES = ["accept", "head", "data", "end", "credit", "reset"] as const;
const FRAME_HEAD = 5;

/** Frames of one message: a window of data, its credit (one frame for four), and a few of the other types. More is a flood of empty ones. */
const MAX_FRAMES: number = 2 * WINDOW_FRAMES;
/** Bytes of one message: {@link MAX_DATA_BYTES} of data, and head and trailers of an answer, 64 KiB each, which Latin-1 doubles. */
const MAX_MESSAGE_BYTES: number = 6 * MAX_DATA_BYTES;
/** Values of one frame: names and values of 64 KiB of headers, 16,384 of the shortest. */
const BOUNDS: Bounds = { values: 8 + 2 * 16_384, depth: 2 };
/** Longest text that is kept of one, characters: it goes into log lines and answers. */
const MAX_TEXT = 2000;

/** One message with these frames. */
export function encodeMessage(number: number, frames: readonly Frame[]): Uint8Array {
  const payloads = frames.map((frame) => payloadOf(frame));
  const size = payloads.reduce((sum, payload) => sum + FRAME_HEAD + payload.length, 4);
  const message = Buffer.allocUnsafe(size);
  let at = message.writeUInt32BE(number >>> 0, 0);
  for (const [i, payload] of payloads.entries()) {
    at = message.writeUInt8(TYPES.indexOf(frames[i]?.type ?? "end"), at);
    at = message.writeUInt32BE(payload.length, at);
    message.set(payload, at);
    at += payload.length;
  }
  return message;
}

/** The frames of a message; undefined for anything that is none, or that no side of ours would send. Data frames share the message's memory. */
export function decodeMessage(bytes: Uint8Array): { number: number; frames: Frame[] } | undefined {
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (message.length < 4 || message.length > MAX_MESSAGE_BYTES) return undefined;
  const frames: Frame[] = [];
  try {
    for (let at = 4; at < message.length;) {
      const type = TYPES[message.readUInt8(at)];
      const length = message.readUInt32BE(at + 1);
      at += FRAME_HEAD;
      if (type === undefined || at + length > message.length || frames.length === MAX_FRAMES)
        return undefined;
      const frame = frameOf(type, message.subarray(at, at + length));
      if (frame === undefined) return undefined;
      frames.push(frame);
      at += length;
    }
  } catch {
    return undefined;
  }
  return { number: message.readUInt32BE(0), frames };
}

function payloadOf(frame: Frame): Uint8Array {
  if (frame.type === "data") return frame.bytes;
  const { type: _, ...fields } = frame;
  return pack(fields);
}

function frameOf(type: (typeof TYPES)[number], payload: Buffer): Frame | undefined {
  if (type === "data") return payload.length > MAX_DATA_BYTES ? undefined : { type, bytes: payload };
  const fields = unpack(payload, BOUNDS) as Record<string, unknown> | null;
  if (typeof fields !== "object" || fields === null) return undefined;
  switch (type) {
    case "accept": {
      const { relay, subject, credit } = fields;
      if (!isText(relay) || !isText(subject) || !isCount(credit, 0)) return undefined;
      return { type, relay, subject, credit };
    }
    case "head": {
      const { status, statusText, headers } = fields;
      if (typeof status !== "number" || !Number.isInteger(status) || status < 100 || status > 999)
        return undefined;
      if (typeof statusText !== "string" || !isList(headers)) return undefined;
      return { type, status, statusText, headers };
    }
    case "end":
      return isList(fields["trailers"]) ? { type, trailers: fields["trailers"] } : undefined;
    case "credit":
      return isCount(fields["frames"], 1) ? { type, frames: fields["frames"] } : undefined;
    case "reset": {
      const { code, text } = fields;
      if (!isText(code) || typeof text !== "string") return undefined;
      return { type, code, text: text.slice(0, MAX_TEXT) };
    }
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_TEXT;
}

/** Names and values alternating. */
function isList(value: unknown): value is string[] {
  return Array.isArray(value) && value.length % 2 === 0 && value.every((part) => typeof part === "string");
}

/** Nobody ever has more credit than a window. */
function isCount(value: unknown, least: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= least && value <= WINDOW_FRAMES;
}
