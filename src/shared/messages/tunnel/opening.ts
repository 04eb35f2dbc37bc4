import { pack, unpack, type Bounds } from "../../base/msgpack.ts";
import { MAX_DATA_BYTES } from "./frame.ts";

/** The subject for opening requests. Each gateway publishes under its own name, and relays share it as a queue. */
export const TUNNEL_SUBJECT = "rr.rpc.http";
/** Gateways with open requests send a beat this often. Relays cancel the requests of silent gateways. */
export const GATEWAY_BEAT_MS = 1000;
export const GATEWAY_SILENCE_MS = 5000;

/** The first message of a passed-through request. */
export type Opening = {
  v: 1;
  method: string;
  /** Path and query as the executor sent them. */
  target: string;
  /** End-to-end headers, names and values alternating. */
  headers: string[];
  /** The whole body if it is small, or empty if there is none. Otherwise the body follows in frames. */
  body: { kind: "none" } | { kind: "whole"; bytes: Uint8Array } | { kind: "frames"; length?: number };
  /** The protocol of a requested upgrade (WebSocket). */
  upgrade?: string;
  /** The id of the gateway's process, for its beat. */
  gateway: string;
  /** The request's id in the logs of both ends. */
  id?: string;
};

/** Limits: a dozen fields and the headers. A gateway accepts 16 KiB of headers, which is 4,096 names and values of the shortest. */
const BOUNDS: Bounds = { values: 16 + 2 * 4096, depth: 2 };
/** Most bytes: 64 KiB of body, 16 KiB of target and headers, which Latin-1 doubles, and three bytes for each of 8,192 texts: 120 KiB. */
const MAX_OPENING_BYTES: number = 2 * MAX_DATA_BYTES;
/** Most characters of the names that are kept during a request. */
const MAX_NAME = 256;

export function encodeOpening(opening: Opening): Uint8Array {
  return pack(opening);
}

/** Undefined unless the message is an opening of a known version. */
export function decodeOpening(bytes: Uint8Array): Opening | undefined {
  if (bytes.length > MAX_OPENING_BYTES) return undefined;
  try {
    const value: unknown = unpack(bytes, BOUNDS);
    return isOpening(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isOpening(value: unknown): value is Opening {
  if (typeof value !== "object" || value === null) return false;
  const { v, method, target, headers, body, gateway, upgrade, id } = value as Partial<
    Record<keyof Opening, unknown>
  >;
  return (
    v === 1 &&
    isName(method) &&
    typeof target === "string" &&
    (target.startsWith("/") || target === "*") &&
    Array.isArray(headers) &&
    headers.length % 2 === 0 &&
    headers.every((part) => typeof part === "string") &&
    isBody(body) &&
    isName(gateway) &&
    (upgrade === undefined || isName(upgrade)) &&
    (id === undefined || isName(id))
  );
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_NAME;
}

function isBody(value: unknown): value is Opening["body"] {
  if (typeof value !== "object" || value === null || !("kind" in value)) return false;
  const { kind, bytes, length } = value as { kind: unknown; bytes?: unknown; length?: unknown };
  if (kind === "whole") return bytes instanceof Uint8Array && bytes.length <= MAX_DATA_BYTES;
  if (kind === "frames") return length === undefined || (Number.isSafeInteger(length) && Number(length) >= 0);
  return kind === "none";
}
