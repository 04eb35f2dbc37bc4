import { createHash } from "node:crypto";
import { parseJsonWithin } from "../../shared/base/json-scan.ts";
import { sessionIdProblem } from "../../shared/log/schema/session-id.ts";
import type { Scope } from "./caller.ts";

/** A key as it is kept: by its hash, so that the file lets nobody in. */
export type Key = { sha256: string; user: string; scopes: ReadonlySet<Scope> };

/** Whose sessions they are that are made with a key that names no user: one by setting, and the one that `up` makes. */
export const OWN_USER = "default";

export const SCOPES: readonly Scope[] = ["read", "write", "user", "admin", "hooks"];

/** Limits of a line: a hash, a user of at most 200 bytes and all scopes. */
const LINE = { bytes: 4096, depth: 3, values: 64 };

/** The keys of a file, and what is wrong with its other lines. Problems name a line and do not quote it, because it may hold a key by mistake. */
export type KeysRead = { keys: Key[]; problems: string[] };

/** A key that may do everything, of a setting or a file of our own. Pure. */
export function wholeKey(secret: string): Key {
  return { sha256: sha256(secret), user: OWN_USER, scopes: new Set(SCOPES) };
}

/** Reads a file of keys: one JSON object a line, `{"sha256": …, "user": …, "scopes": […]}`. Empty lines and those with `#` are skipped. Pure. */
export function parseKeys(text: string): KeysRead {
  const keys = new Map<string, Key>();
  const problems: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue;
    const key = parseKey(line);
    if (typeof key === "string") problems.push(`line ${index + 1}: ${key}`);
    else if (keys.has(key.sha256)) problems.push(`line ${index + 1}: the same key is on an earlier line`);
    else keys.set(key.sha256, key);
  }
  return { keys: [...keys.values()], problems };
}

/** The key of a line, or its problem. */
function parseKey(line: string): Key | string {
  const it = parseJsonWithin(Buffer.from(line), LINE);
  if (typeof it !== "object" || it === null || Array.isArray(it)) return "not a JSON object";
  const { sha256: hash, user, scopes } = it as Partial<Record<keyof Key, unknown>>;
  if (typeof hash !== "string" || !/^[0-9a-f]{64}$/i.test(hash)) return "sha256 must be 64 hex digits";
  if (typeof user !== "string" || sessionIdProblem(user) !== undefined)
    return "user must be a text of at most 200 bytes without slashes";
  if (!Array.isArray(scopes) || scopes.length === 0 || !scopes.every(isScope))
    return `scopes must be a list of ${SCOPES.join(", ")}`;
  return { sha256: hash.toLowerCase(), user, scopes: new Set(scopes) };
}

function isScope(text: unknown): text is Scope {
  return SCOPES.some((scope) => scope === text);
}

/** Hash under which a key is kept. Keys are random, so that it needs no salt. Pure. */
export function sha256(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
