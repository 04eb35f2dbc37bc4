import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../base/clock.ts";
import { parseJsonWithin, RECORD_JSON } from "../../base/json-scan.ts";
import { patiently } from "../patiently.ts";
import { readKey, writeKey } from "../state/bucket.ts";
import { keyOf } from "../state/keys.ts";
import type { Session } from "./entry.ts";
import { findSession } from "./find.ts";

type Deps = { nc: NatsConnection; jsm: JetStreamManager; clock: Clock; signal: AbortSignal };
/** A session as its user knows it. It may be about to be made. */
type Owner = Pick<Session, "user" | "id">;
type Claim = Owner & { at: number };

/** A claim whose session is not there counts for this long, because it may be about to be made: a request takes at most 5 s. */
const UNMADE_MS = 30_000;
/** How long it is remembered that a claim was given back. Nothing depends on it. */
const GIVEN_BACK_SECONDS = 60;

/**
 * Gives a folder to a session, before that is made. `taken`: another session that exists works in it. A claim of a session that was deleted, or was never
 * made, or works elsewhere, counts for nothing, so that a process that dies in between leaves no folder locked.
 */
export async function claimFolder(deps: Deps, folder: string, owner: Owner): Promise<"claimed" | "taken"> {
  const { nc, jsm, clock, signal } = deps;
  const key = keyOf.folder(folder);
  const value = Buffer.from(JSON.stringify({ user: owner.user, id: owner.id, at: clock.wall() }));
  for (;;) {
    signal.throwIfAborted();
    const found = await patiently(() => readKey(jsm, key), deps);
    const claim = found?.value && decodeClaim(found.value);
    const standing = claim === undefined ? "void" : await standingOf(deps, folder, claim);
    const isOwn = claim !== undefined && isOf(claim, owner);
    if (isOwn && standing === "holds") return "claimed";
    if (!isOwn && standing !== "void") return "taken";
    const revision = found?.revision ?? 0;
    if ((await writeKey(nc, { key, value, revision })) !== "conflict") return "claimed";
  }
}

/** Gives back the folder of a session that was deleted. It need not succeed. */
export async function releaseFolder({ nc, jsm }: Deps, session: Session): Promise<void> {
  const folder = session.record["workspace_dir"];
  if (typeof folder !== "string") return;
  const key = keyOf.folder(folder);
  const found = await readKey(jsm, key);
  const claim = found?.value && decodeClaim(found.value);
  if (found === undefined || claim === undefined || !isOf(claim, session)) return;
  await writeKey(nc, { key, value: undefined, revision: found.revision, ttlSeconds: GIVEN_BACK_SECONDS });
}

/** `holds`: its session works there. `unmade`: its session may be about to be made. */
async function standingOf(
  deps: Deps,
  folder: string,
  { user, id, at }: Claim,
): Promise<"holds" | "unmade" | "void"> {
  const found = await patiently(() => findSession(deps.jsm, user, id), deps);
  if (found.kind === "there") return found.session.record["workspace_dir"] === folder ? "holds" : "void";
  return deps.clock.wall() - at < UNMADE_MS ? "unmade" : "void";
}

function isOf(claim: Claim, { user, id }: Owner): boolean {
  return claim.user === user && claim.id === id;
}

function decodeClaim(bytes: Uint8Array): Claim | undefined {
  const it = parseJsonWithin(bytes, RECORD_JSON) as Partial<Record<keyof Claim, unknown>> | undefined;
  const { user, id, at } = it ?? {};
  if (typeof user !== "string" || typeof id !== "string" || typeof at !== "number") return undefined;
  return { user, id, at };
}
