import { pack, unpack, type Bounds } from "../base/msgpack.ts";

/**
 * What a relay tells a gateway that still holds the executor's request. `answer`: hand this to the executor. `accepted`: do not wait
 * any longer (outage, backlog), answer 202. When the message has a reply subject, the gateway publishes one byte to it: `1` if the
 * executor's request was still open (so the refusal was seen), `0` if not.
 */
export type Answer =
  | { kind: "answer"; status: number; headers: [name: string, value: string][]; body: Uint8Array }
  | { kind: "accepted"; reason: string };

/** Four fields, and three values for each header: the relay takes 64 KiB of them, 16,384 of the shortest ("a:" and a line break). */
const BOUNDS: Bounds = { values: 4 + 3 * 16_384, depth: 3 };

export function encodeAnswer(answer: Answer): Uint8Array {
  return pack(answer);
}

/** Undefined for anything that is not an answer. */
export function decodeAnswer(bytes: Uint8Array): Answer | undefined {
  try {
    const value: unknown = unpack(bytes, BOUNDS);
    if (typeof value !== "object" || value === null || !("kind" in value)) return undefined;
    const it = value as Answer;
    if (it.kind === "accepted") return typeof it.reason === "string" ? it : undefined;
    const whole =
      it.kind === "answer" &&
      Number.isInteger(it.status) &&
      Array.isArray(it.headers) &&
      it.headers.every(
        (header) =>
          Array.isArray(header) && header.length === 2 && header.every((part) => typeof part === "string"),
      ) &&
      it.body instanceof Uint8Array;
    return whole ? it : undefined;
  } catch {
    return undefined;
  }
}
