import type { IncomingHttpHeaders } from "node:http";

/** Headers in which clients send a key besides `Authorization`. Those of seed 002 send the last two, and `Authorization`, with the same value. */
const KEY_HEADERS = ["x-api-key", "x-ua-internal-token", "x-ua-ops-token"] as const;
/** How a browser's socket names its key, because it cannot send headers: `rr.v1, rr.key.<base64url of the key>`. */
const KEY_PROTOCOL = /^rr\.key\.([\w-]+)$/;

/** The credential that a request carries. `several`: it carries different ones, and it is unclear which one is meant. */
export type Sent = { kind: "none" } | { kind: "one"; secret: string } | { kind: "several" };

/** Finds the key or token of a request. An `Authorization` of another scheme is none: proxies add `Basic`. Pure. */
export function credentialOf(headers: IncomingHttpHeaders): Sent {
  const found = new Set([
    ...bearersOf(headers["authorization"]),
    ...KEY_HEADERS.flatMap((name) => textsOf(headers[name])),
    ...protocolKeysOf(headers["sec-websocket-protocol"]),
  ]);
  const [secret, ...others] = found;
  if (secret === undefined) return { kind: "none" };
  return others.length === 0 ? { kind: "one", secret } : { kind: "several" };
}

function bearersOf(header: string | string[] | undefined): string[] {
  return textsOf(header).flatMap((text) => /^bearer +(\S+)$/i.exec(text)?.[1] ?? []);
}

function protocolKeysOf(header: string | string[] | undefined): string[] {
  return textsOf(header)
    .flatMap((text) => text.split(","))
    .flatMap((protocol) => KEY_PROTOCOL.exec(protocol.trim())?.[1] ?? [])
    .map((key) => Buffer.from(key, "base64url").toString());
}

/** Empty headers count as absent: a client whose setting is empty sends them. */
function textsOf(header: string | string[] | undefined): string[] {
  const texts = typeof header === "string" ? [header] : (header ?? []);
  return texts.map((text) => text.trim()).filter((text) => text !== "");
}
