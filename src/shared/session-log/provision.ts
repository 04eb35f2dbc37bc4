import { jetstreamManager, JetStreamApiError, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { isCoded } from "../base/errors.ts";
import { showBytes } from "../base/show.ts";
import { ensureStream, infoOf } from "../log/provision/ensure-stream.ts";
import { hasNoRoom, refusalOf } from "../log/provision/limits.ts";
import { EVENTS_STREAM } from "../log/schema/topology.ts";
import { sessionsPlan, sessionStatePlan } from "./plans.ts";
import { LEAST_SESSIONS_BYTES, sessionsBytes, sizeBeside } from "./size.ts";
import { SESSIONS_STREAM } from "./topology.ts";

// size.ts says how large · plans.ts what there must be · ../log/provision/ensure-stream.ts makes it or widens it
// The log of sessions is made after the log of events, from what that leaves. A broker without room for it keeps everything that works without sessions, so
// that its absence is an outcome and not an error.

export type SessionsProvisioned =
  | {
      kind: "there";
      maxBytes: number;
      /** What was done, for people. Empty if everything was there. */
      changes: string[];
    }
  /** Everything but sessions works. `why` is for people. */
  | { kind: "absent"; why: string };

export type SessionsOptions = {
  /** Size of the log of sessions, bytes, if an operator set it. An existing one only grows. */
  bytes?: number;
  replicas: number;
  /** True if the log of events was made just now. */
  isNew: boolean;
  /** Free disk of the broker's store, bytes, before anything was made. Undefined where it is not known. */
  freeBytes?: number;
};

/**
 * Makes the log of sessions and the bucket of what is known about them, or widens what is there. Idempotent, and safe when two run at once. Throws what
 * keeps the log of events from working as well, and `broker_limited` where the broker has no room for a size that an operator set.
 */
export async function provisionSessions(
  nc: NatsConnection,
  options: SessionsOptions,
): Promise<SessionsProvisioned> {
  try {
    return await make(await jetstreamManager(nc, { checkAPI: false, timeout: 10_000 }), options);
  } catch (error) {
    if (isCoded(error, "stream_differs")) return { kind: "absent", why: error.message };
    if (!(error instanceof JetStreamApiError)) throw error;
    const refusal = refusalOf(error);
    if (options.bytes !== undefined) throw refusal;
    return { kind: "absent", why: refusal.message };
  }
}

async function make(jsm: JetStreamManager, options: SessionsOptions): Promise<SessionsProvisioned> {
  const { replicas } = options;
  const changes: string[] = [];
  const existing = await infoOf(jsm, SESSIONS_STREAM);
  const bytes = options.bytes ?? existing?.config.max_bytes ?? (await sizeOfNew(jsm, options));
  if (bytes === undefined) {
    const least = showBytes(LEAST_SESSIONS_BYTES);
    return { kind: "absent", why: `the disk has no room for ${least} beside the log of events` };
  }
  await ensureStream(jsm, sessionStatePlan(replicas), changes); // the small one first, as there
  for (let size = bytes; ; size = Math.floor(size / 2)) {
    try {
      const { config } = await ensureStream(jsm, sessionsPlan({ bytes: size, replicas }), changes);
      return { kind: "there", maxBytes: config.max_bytes, changes };
    } catch (error) {
      const full = hasNoRoom(error) && options.bytes === undefined;
      if (!full || size / 2 < LEAST_SESSIONS_BYTES) throw error;
    }
  }
}

async function sizeOfNew(
  jsm: JetStreamManager,
  { freeBytes, isNew }: SessionsOptions,
): Promise<number | undefined> {
  const { config, state } = await jsm.streams.info(EVENTS_STREAM);
  if (freeBytes === undefined) return sizeBeside(config.max_bytes); // the broker says if that is too much
  return sessionsBytes({
    freeBytes,
    isNew,
    events: { maxBytes: config.max_bytes, usedBytes: state.bytes },
  });
}
