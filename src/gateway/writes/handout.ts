import { looksLikeObject } from "../../shared/base/json-ends.ts";
import { scanJson } from "../../shared/base/json-scan.ts";
import { endToEnd } from "../../shared/http/hop-by-hop.ts";
import type { CoordinatorAnswer } from "./waiting.ts";

/** A whole answer to an executor. */
export type Handout = { status: number; headers: Record<string, string | string[]>; body: Uint8Array };

/** The gateway counts the length itself, because it may replace the body. */
const OURS: ReadonlySet<string> = new Set(["content-length"]);

/** Answers up to this size are read, which takes at most a millisecond. Larger ones go to executors as they are, if they look like an object. */
const MAX_READ_BYTES: number = 64 * 1024;
/** Answers that are nested more deeply are not read either. */
const MAX_READ_DEPTH = 1000;

const OK_BODY = Buffer.from('{"ok":true}');

/**
 * The coordinator's answer as the executor gets it: its status, its end-to-end headers, its body. Executors call `response.json()` on every
 * success and break on anything that is no object, so a success without one says `{"ok":true}`. Pure.
 */
export function handoutOf(answer: CoordinatorAnswer): Handout {
  const found = new Map<string, string | string[]>();
  const passed = endToEnd(answer.headers.flat(), OURS);
  for (let i = 0; i + 1 < passed.length; i += 2) {
    const key = (passed[i] ?? "").toLowerCase();
    const value = passed[i + 1] ?? "";
    const before = found.get(key);
    if (before === undefined) found.set(key, value);
    else if (typeof before === "string") found.set(key, [before, value]);
    else before.push(value);
  }
  const headers = Object.fromEntries(found);
  const success = answer.status >= 200 && answer.status < 300;
  if (!success || found.has("content-encoding") || isJsonObject(answer.body)) {
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
  if (body.length > MAX_READ_BYTES) return looksLikeObject(body);
  const scan = scanJson(body, { depth: MAX_READ_DEPTH });
  return scan.ok ? scan.object : scan.problem === "depth" && looksLikeObject(body);
}
