import { createHash } from "node:crypto";
import { sessionToken } from "../../log/schema/session-id.ts";
import { SESSION_STATE_BUCKET } from "../topology.ts";

/** Keys in the bucket of sessions. `session` is the name of one (subjects.ts). */
export const keyOf = {
  /** What a user calls `id`. */
  index: (user: string, id: string): string => `index.${sessionToken(user)}.${sessionToken(id)}`,
  /** What users call `id`: one user or all, one id or all. */
  indexes: ({ user, id }: { user?: string; id?: string }): string =>
    `index.${user === undefined ? "*" : sessionToken(user)}.${id === undefined ? "*" : sessionToken(id)}`,
  /** Below which sequence retention removed events. */
  floor: (session: string): string => `floor.${session}`,
  /** Who owns it. */
  lease: (session: string): string => `lease.${session}`,
  /** A root of workspaces that some worker has, for as long as it has it. A worker's login writes no other keys. */
  root: (root: string): string => `lease.root.${root}`,
  /** Present while an operator lets no worker begin a turn. */
  paused: "paused",
  /** Which session works in a folder. */
  folder: (path: string): string =>
    `folder.${createHash("sha256").update(path).digest("base64url").slice(0, 22)}`,
  /** Which session a pod runs. */
  pod: ({ namespace, uid }: { namespace: string; uid: string }): string =>
    `pod.${digestOf([namespace, uid])}`,
  /** A secret that is exchanged for a token once, by its hash. */
  join: (secret: string): string => `join.${digestOf([secret])}`,
  /** The public half of a key that signs tokens. */
  tokenKey: (kid: string): string => `token-key.${kid}`,
  /** Present after a deletion, for longer than anything may still write. */
  tombstone: (session: string): string => `tombstone.${session}`,
} as const;

/** 256 bits of a hash, as a part of a key. */
function digestOf(texts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(texts)).digest("base64url");
}

/** The subject of a key, or of a filter of keys. */
export function keySubject(key: string): string {
  return `$KV.${SESSION_STATE_BUCKET}.${key}`;
}

/** How long it is remembered that a session was deleted: longer than any process that wrote it may have been stopped. */
export const DELETED_SECONDS: number = 30 * 24 * 60 * 60;
