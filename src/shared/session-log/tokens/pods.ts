import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { parseJsonWithin, RECORD_JSON } from "../../base/json-scan.ts";
import { isDeleted } from "../registry/find.ts";
import { readKey, writeKey } from "../state/bucket.ts";
import { keyOf } from "../state/keys.ts";
import type { TokenSession } from "./session-token.ts";

/** A pod, as the cluster names it. `uid` is of this one, and of none that is made by its name later. */
export type Pod = { namespace: string; serviceAccount: string; uid: string };

/** How long it is known which session a pod runs, unless that is said again. Pods live for days. */
const POD_SECONDS = 30 * 24 * 60 * 60;

type Deps = { nc: NatsConnection; jsm: JetStreamManager };

/** Records which session a pod runs. `taken`: it runs another one that exists. Idempotent; a repeat keeps the record for longer. */
export async function bindPod(
  { nc, jsm }: Deps,
  pod: Pod,
  session: TokenSession,
): Promise<"bound" | "taken"> {
  const key = keyOf.pod(pod);
  const { user, id, name } = session;
  const value = Buffer.from(JSON.stringify({ account: pod.serviceAccount, user, id, name }));
  for (;;) {
    const found = await readKey(jsm, key);
    const before = found?.value && decode(found.value);
    if (before !== undefined && before.session.name !== name && !(await isDeleted(jsm, before.session.name)))
      return "taken";
    const write = { key, value, revision: found?.revision ?? 0, ttlSeconds: POD_SECONDS };
    if ((await writeKey(nc, write)) !== "conflict") return "bound";
  }
}

/** The session that a pod runs; undefined if none is recorded for it with its service account. It may have been deleted. */
export async function sessionOfPod(jsm: JetStreamManager, pod: Pod): Promise<TokenSession | undefined> {
  const found = await readKey(jsm, keyOf.pod(pod));
  const record = found?.value && decode(found.value);
  return record?.account === pod.serviceAccount ? record.session : undefined;
}

function decode(bytes: Uint8Array): { account: string; session: TokenSession } | undefined {
  const it = (parseJsonWithin(bytes, RECORD_JSON) ?? {}) as Record<string, unknown>;
  const { account, user, id, name } = it;
  if (typeof account !== "string" || typeof user !== "string") return undefined;
  if (typeof id !== "string" || typeof name !== "string") return undefined;
  return { account, session: { user, id, name } };
}
