import { Packr } from "msgpackr";

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
  /** Both ways: so many more data frames may come. */
  | { type: "credit"; frames: number }
  /** Both ways: it ends here; `code` is one of the error catalogue, or `cancelled`. */
  | { type: "reset"; code: string; text: string };

/** Data bytes in one frame; two of them stay far below the smallest `max_payload` in use (1 MiB). */
export const MAX_DATA_BYTES: number = 64 * 1024;
/** Data frames on their way per direction: 32 × 64 KiB = 2 MiB bound the memory of a stream on either side (297 MB/s measured). */
export const WINDOW_FRAMES = 32;

const TYPES = ["accept", "head", "data", "end", "credit", "reset"] as const;
const FRAME_HEAD = 5;
const packr = new Packr({ useRecords: false, variableMapSize: true });

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

/** The frames of a message; undefined for anything that is none. Data frames share the message's memory. */
export function decodeMessage(bytes: Uint8Array): { number: number; frames: Frame[] } | undefined {
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (message.length < 4) return undefined;
  const frames: Frame[] = [];
  try {
    for (let at = 4; at < message.length;) {
      const type = TYPES[message.readUInt8(at)];
      const length = message.readUInt32BE(at + 1);
      at += FRAME_HEAD;
      if (type === undefined || at + length > message.length) return undefined;
      frames.push(frameOf(type, message.subarray(at, at + length)));
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
  return packr.pack(fields);
}

function frameOf(type: (typeof TYPES)[number], payload: Buffer): Frame {
  if (type === "data") return { type, bytes: payload };
  return { type, ...(packr.unpack(payload) as object) } as Frame;
}
