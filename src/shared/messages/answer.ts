import { pack, unpack, type Bounds } from "../base/msgpack.ts";

/**
 * A relay's message to a gateway that still holds the executor's request. `answer`: pass this to the executor. `accepted`: do not wait any longer (because
 * of an outage or a backlog), answer 202. If the message has a reply subject, the gateway publishes one byte to it: `1` if the executor's request was still
 * open (so the executor got the refusal), `0` if not.
 */
export type Answer =
  | { kind: "answer"; status: number; headers: [name: string, value: string][]; body: Uint8Array }
  | { kind: "accepted"; reason: string };

/** Limits: four fields, and three values for each header. The relay accepts 64 KiB of headers, which is 16,384 of the shortest ("a:" and a line break). */
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
