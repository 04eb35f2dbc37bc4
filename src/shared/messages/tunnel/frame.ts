import { pack, unpack, type Bounds } from "../../base/msgpack.ts";

/**
 * The frames between gateway and relay for one passed-through request. A NATS message contains one or more frames and a number, so that a lost message is
 * noticed. Frames of one turn of the event loop share a message, so that a small answer is one message.
 *
 *   message = number (u32) frame*      frame = type (u8) length (u32) payload
 */
export type Frame =
  /** Relay → gateway: the subject for further frames of the request, and how many data frames the relay accepts before it gives credit. */
  | { type: "accept"; relay: string; subject: string; credit: number }
  /** Relay → gateway: the answer's head. */
  | { type: "head"; status: number; statusText: string; headers: string[] }
  /** Both ways: bytes of a body, or of an upgraded connection. */
  | { type: "data"; bytes: Uint8Array }
  /** Both ways: the body is complete. `trailers` alternate names and values. */
  | { type: "end"; trailers: string[] }
  /** Both ways: credit for this many more data frames. */
  | { type: "credit"; frames: number }
  /** Both ways: the exchange is cut off. `code` is from the error catalogue, or `cancelled`. */
  | { type: "reset"; code: string; text: string };

/** Most data bytes in one frame. Two frames stay far below the smallest usual `max_payload` (1 MiB). */
export const MAX_DATA_BYTES: number = 64 * 1024;
/** Most data frames in transit per direction. 32 × 64 KiB = 2 MiB limit the memory of a stream on either side (297 MB/s measured). */
export const WINDOW_FRAMES = 32;

const TYPES = ["accept", "head", "data", "end", "credit", "reset"] as const;
const FRAME_HEAD = 5;

/** Most frames of one message: a window of data, its credit (one frame for four), and a few others. More would be a flood of empty frames. */
const MAX_FRAMES: number = 2 * WINDOW_FRAMES;
/** Most bytes of one message: {@link MAX_DATA_BYTES} of data, and head and trailers of an answer, 64 KiB each, which Latin-1 doubles. */
const MAX_MESSAGE_BYTES: number = 6 * MAX_DATA_BYTES;
/** Most values of one frame: the names and values of 64 KiB of headers, which is 16,384 of the shortest. */
const BOUNDS: Bounds = { values: 8 + 2 * 16_384, depth: 2 };
/** Most characters of a frame's text that are kept, for log lines and answers. */
const MAX_TEXT = 2000;

/** Encodes frames as one message. */
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

/** Decodes the frames of a message. Undefined for an invalid message, or one that our processes would never send. Data frames share the message's memory. */
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

/** True for a valid amount of credit, which is never more than a window. */
function isCount(value: unknown, least: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= least && value <= WINDOW_FRAMES;
}
