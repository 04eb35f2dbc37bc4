import { pack, unpack, type Bounds } from "../../base/msgpack.ts";
import { MAX_DATA_BYTES } from "./frame.ts";

/** What gateways open requests by, each under its own name; relays share it as a queue. */
export const TUNNEL_SUBJECT = "rr.rpc.http";
/** Gateways with open requests say so this often, and relays cancel what silent ones had open. */
export const GATEWAY_BEAT_MS = 1000;
export const GATEWAY_SILENCE_MS = 5000;

/** The first message of a passed-through request. */
export type Opening = {
  v: 1;
  method: string;
  /** Path and query as the executor sent them. */
  target: string;
  /** Names and values alternating, end-to-end ones only. */
  headers: string[];
  /** The whole body if it was small, nothing if there is none; otherwise it follows in frames. */
  body: { kind: "none" } | { kind: "whole"; bytes: Uint8Array } | { kind: "frames"; length?: number };
  /** An upgrade to this protocol is asked for (WebSocket). */
  upgrade?: string;
  /** The gateway process, for its beat. */
  gateway: string;
  /** Its id in the logs of both ends. */
  id?: string;
};

/** A dozen fields, and the headers of a request: 16 KiB, all that a gateway's server takes, are 4,096 names and values of the shortest. */
const BOUNDS: Bounds = { values: 16 + 2 * 4096, depth: 2 };
/** 64 KiB of body, 16 KiB of target and headers, which Latin-1 doubles, and three bytes for each of 8,192 texts: 120 KiB. */
const MAX_OPENING_BYTES: number = 2 * MAX_DATA_BYTES;
/** Longest names that are kept while a request is under way, characters. */
const MAX_NAME = 256;

export function encodeOpening(opening: Opening): Uint8Array {
  return pack(opening);
}

/** Undefined for anything that is no opening of a version we know. */
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
