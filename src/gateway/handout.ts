import { isObject } from "./json.ts";
import type { CoordinatorAnswer } from "./waiting.ts";

/** A whole answer to an executor. */
export type Handout = { status: number; headers: Record<string, string | string[]>; body: Uint8Array };

/** Headers that belong to one connection only (RFC 9110, 7.6.1), and the length, which is ours to count. */
const NOT_END_TO_END = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const OK_BODY = Buffer.from('{"ok":true}');

/**
 * The coordinator's answer as the executor gets it: its status, its end-to-end headers, its body. Executors call `response.json()` on every
 * success and break on anything that is no object, so a success without one says `{"ok":true}`. Pure.
 */
export function handoutOf(answer: CoordinatorAnswer): Handout {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of answer.headers) {
    const key = name.toLowerCase();
    if (NOT_END_TO_END.has(key)) continue;
    const before = headers[key];
    headers[key] = before === undefined ? value : [before, value].flat();
  }
  const success = answer.status >= 200 && answer.status < 300;
  if (!success || headers["content-encoding"] !== undefined || isJsonObject(answer.body)) {
    return { status: answer.status, headers, body: answer.body };
  }
  headers["content-type"] = "application/json";
  return {
    status: answer.status === 204 || answer.status === 205 ? 200 : answer.status,
    headers,
    body: OK_BODY,
  };
}

function isJsonObject(body: Uint8Array): boolean {
  try {
    return isObject(JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString("utf8")));
  } catch {
    return false;
  }
}
