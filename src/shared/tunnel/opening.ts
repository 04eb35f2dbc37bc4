import { Packr } from "msgpackr";

/** Subject on which gateways open requests; relays share it as a queue. */
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

const packr = new Packr({ useRecords: false, variableMapSize: true });

export function encodeOpening(opening: Opening): Uint8Array {
  return packr.pack(opening);
}

/** Undefined for anything that is no opening of a version we know. */
export function decodeOpening(bytes: Uint8Array): Opening | undefined {
  try {
    const value: unknown = packr.unpack(bytes);
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
    typeof method === "string" &&
    typeof target === "string" &&
    (target.startsWith("/") || target === "*") &&
    Array.isArray(headers) &&
    headers.length % 2 === 0 &&
    headers.every((part) => typeof part === "string") &&
    typeof body === "object" &&
    body !== null &&
    typeof gateway === "string" &&
    (upgrade === undefined || typeof upgrade === "string") &&
    (id === undefined || typeof id === "string")
  );
}
