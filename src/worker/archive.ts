import type { JetStreamManager } from "@nats-io/jetstream";
import type { Archive, ArchivePart } from "../agents/agent.ts";
import { textParts } from "../agents/fit.ts";
import type { Clock } from "../shared/base/clock.ts";
import { parseJsonWithin } from "../shared/base/json-scan.ts";
import { rest } from "../shared/base/rest.ts";
import { TRANSCRIPT } from "../shared/session-log/event/kinds.ts";
import { EVENT_DATA, readSessionEvent } from "../shared/session-log/event/session-event.ts";
import type { Pages } from "../shared/session-log/follow/pages.ts";
import type { StoredEvent } from "../shared/session-log/follow/stored-event.ts";
import { patiently } from "../shared/session-log/patiently.ts";
import { outSubject } from "../shared/session-log/subjects.ts";
import { SESSIONS_STREAM } from "../shared/session-log/topology.ts";
import type { Voice } from "./voice.ts";

type ArchiveDeps = { jsm: JetStreamManager; pages: Pages; clock: Clock; signal: AbortSignal };

/** Pause before a copy of the log is asked again that has not everything yet. */
const STALE_MS = 20;

/** What agents' back ends remember, in the log of a session: written by its owner as everything else, read by any owner after it (ADR 0056). */
export function createArchive(
  deps: ArchiveDeps,
  { session, turn, voice }: { session: string; turn: string; voice: Pick<Voice, "say"> },
): Archive {
  const subject = outSubject(session, TRANSCRIPT);
  return {
    async add({ text, ...of }) {
      const said = textParts(text).map((part) => voice.say(TRANSCRIPT, { ...of, text: part }, turn));
      for (const put of await Promise.all(said)) {
        if (put.kind === "refused") throw new Error(put.detail);
        if (put.kind === "overtaken") throw new Error("another worker owns the session");
      }
    },
    async newest() {
      const stored = await newestOf(deps, subject);
      return stored && partOf(stored);
    },
    parts: () => parts(deps, subject),
  };
}

/** Asked of the leader, because copies may be behind. */
function newestOf(deps: ArchiveDeps, last_by_subj: string): Promise<StoredEvent | undefined> {
  return patiently(
    async () => (await deps.jsm.streams.getMessage(SESSIONS_STREAM, { last_by_subj })) ?? undefined,
    deps,
  );
}

async function* parts(deps: ArchiveDeps, subject: string): AsyncGenerator<ArchivePart> {
  const last = async (): Promise<number> => (await newestOf(deps, subject))?.seq ?? 0;
  let target = await last();
  for (let at = 0; at < target;) {
    const { events } = await patiently(() => deps.pages.read(subject, at + 1), deps);
    for (const event of events) {
      at = event.seq;
      const part = partOf(event);
      if (part !== undefined) yield part;
    }
    if (events.length > 0) continue;
    target = await last(); // the rest was removed meanwhile, or a copy is behind
    if (at < target) await rest(deps.clock, STALE_MS, deps.signal);
  }
}

/** Undefined for what no owner of ours writes. Pure. */
function partOf(stored: StoredEvent): ArchivePart | undefined {
  const read = readSessionEvent(stored);
  if (!("event" in read)) return undefined;
  const of = (parseJsonWithin(read.event.data, EVENT_DATA) ?? {}) as Record<string, unknown>;
  const { runner, thread, path, text, mark } = of;
  if (typeof runner !== "string" || typeof thread !== "string" || typeof text !== "string") return undefined;
  return {
    runner,
    thread,
    text,
    ...(typeof path === "string" ? { path } : {}),
    ...(typeof mark === "string" ? { mark } : {}),
  };
}
