import { createEventWindow, type EventWindow, type StoredEvent } from "./event-window.ts";
import { EVENT_FIELDS } from "./models.ts";
import { textOf, type JsonObject } from "./validation.ts";

/** A session as every answer shows it; the order of the fields is the coordinator's. */
export type Session = {
  session_id: string;
  status: string;
  created_at: string;
  project_dir: string | null;
  agent_name: string | null;
  last_resumed_at: string | null;
  parent_session_id: string | null;
  executor_session_id: string | null;
  executor_profile: string | null;
  hostname: string | null;
};

type NewSession = { id: string; status: string } & Partial<
  Pick<Session, "project_dir" | "agent_name" | "parent_session_id">
>;

type Entry = { session: Session; events: EventWindow };

/** Everything at one moment, for {@link Sessions}' `restore`. */
export type Backup = ReadonlyMap<string, Entry>;

export type Sessions = ReturnType<typeof createSessions>;

/** Sessions and their events. `stamp` gives the time of now as the coordinator writes it. */
export function createSessions(stamp: () => string) {
  let sessions = new Map<string, Entry>();
  let lastEventId = 0;

  return {
    get: (id: string): Session | undefined => sessions.get(id)?.session,
    /** Newest first. */
    list: (): Session[] => Array.from(sessions.values(), (entry) => entry.session).toReversed(),

    create({ id, status, ...known }: NewSession): Session {
      const session: Session = {
        session_id: id,
        status,
        created_at: stamp(),
        project_dir: known.project_dir ?? null,
        agent_name: known.agent_name ?? null,
        last_resumed_at: null,
        parent_session_id: known.parent_session_id ?? null,
        executor_session_id: null,
        executor_profile: null,
        hostname: null,
      };
      sessions.set(id, { session, events: createEventWindow() });
      return session;
    },

    /** Takes over the named fields; null and missing ones change nothing. */
    update(session: Session, fields: readonly (keyof Session)[], from: JsonObject): void {
      for (const name of fields) {
        const value = from[name];
        if (typeof value === "string") session[name] = value;
      }
    },

    /** How many events were deleted with it, or undefined for an unknown session. */
    remove(id: string): number | undefined {
      const entry = sessions.get(id);
      sessions.delete(id);
      return entry?.events.count;
    },

    addEvent(id: string, body: JsonObject): StoredEvent | undefined {
      const entry = sessions.get(id);
      if (entry === undefined) return undefined;
      const event = { id: ++lastEventId, timestamp: textOf(body, "timestamp") ?? "", body };
      entry.events.add(event);
      return event;
    },

    events: (id: string): JsonObject[] => (sessions.get(id)?.events.first() ?? []).map(shown),

    backup: (): Backup => copyOf(sessions),
    /** As when a coordinator is restored from an old backup: whatever came after it is lost. */
    restore(backup: Backup): void {
      sessions = copyOf(backup);
    },

    /** Undefined if the session has no result event. */
    result(id: string): JsonObject | undefined {
      const body = sessions.get(id)?.events.result()?.body;
      return body && { result_text: body["result_text"] ?? null, result_data: body["result_data"] ?? null };
    },
  };
}

function copyOf(entries: Backup): Map<string, Entry> {
  return new Map(
    Array.from(entries, ([id, { session, events }]) => [
      id,
      { session: { ...session }, events: events.copy() },
    ]),
  );
}

const SHOWN_FIRST = ["session_id", "event_type", "timestamp"];
const SHOWN_AFTER = EVENT_FIELDS.map((field) => field.name).filter((name) => !SHOWN_FIRST.includes(name));

/** An event as it is read back: known fields only, missing ones as null. */
export function shown(event: StoredEvent): JsonObject {
  const out: JsonObject = { id: event.id };
  for (const name of SHOWN_FIRST) out[name] = event.body[name];
  for (const name of SHOWN_AFTER) out[name] = event.body[name] ?? null;
  return out;
}
