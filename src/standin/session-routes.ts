import { bodyOf, CREATED, detail, done, json, NO_SESSION, type Call, type Reply } from "./call.ts";
import { BIND_FIELDS, EVENT_FIELDS, METADATA_FIELDS } from "./models.ts";
import type { Route } from "./router.ts";
import { shown, type Session } from "./sessions.ts";
import type { State } from "./state.ts";
import type { JsonObject } from "./validation.ts";

export type SessionOptions = {
  /** Writes for an unknown session create it, where the real coordinator answers 404: for newcomers and for restarts without a memory. */
  autoCreateSessions: boolean;
};

/** A write to one session, decided by its body alone; also what an item of a batch goes through. */
export type AddEvent = (sessionId: string, body: JsonObject) => Reply;

/** Carries out `POST /sessions/{session_id}/events` for a body that passed {@link EVENT_FIELDS}. */
export function createAddEvent(state: State, options: SessionOptions): AddEvent {
  return (sessionId, body) => {
    if (findOrCreate(state, options, sessionId) === undefined) return NO_SESSION;
    if (body["session_id"] !== sessionId) return detail(400, "Event session_id must match URL session_id");
    const event = state.sessions.addEvent(sessionId, body);
    if (event !== undefined && !state.broadcast.idle) {
      const { id: _, ...data } = shown(event);
      state.broadcast.send("event", sessionId, { data });
    }
    return CREATED;
  };
}

// oxlint-disable-next-line max-lines-per-function -- a table of routes with the short handlers that it names
export function sessionRoutes(state: State, options: SessionOptions, addEvent: AddEvent): Route[] {
  const { sessions } = state;

  const withSession = (call: Call, answer: (session: Session) => Reply): Reply => {
    const session = sessions.get(call.params[0] ?? "");
    return session === undefined ? NO_SESSION : answer(session);
  };

  function bind(call: Call): Reply {
    const { body, refusal } = bodyOf(call, BIND_FIELDS);
    if (refusal) return refusal;
    const session = findOrCreate(state, options, call.params[0] ?? "");
    if (session === undefined) return NO_SESSION;
    sessions.update(session, ["executor_session_id", "hostname", "executor_profile", "project_dir"], body);
    session.status = "running"; // whatever it was: a bind that comes late opens a finished session again
    state.changed(session);
    return done(200, { ok: true, session });
  }

  function metadata(call: Call): Reply {
    const { body, refusal } = bodyOf(call, METADATA_FIELDS);
    if (refusal) return refusal;
    const session = findOrCreate(state, options, call.params[0] ?? "");
    if (session === undefined) return NO_SESSION;
    const names = METADATA_FIELDS.map((field) => field.name) as (keyof Session)[];
    sessions.update(session, names, body);
    state.changed(session);
    return done(200, { ok: true, session });
  }

  function result(session: Session): Reply {
    if (session.status !== "finished" && session.status !== "idle") {
      return detail(400, "Session not finished or idle");
    }
    const found = sessions.result(session.session_id);
    return found === undefined ? detail(404, "No result found") : json(200, found);
  }

  function affinity({ session_id, hostname, project_dir, executor_profile }: Session): Reply {
    return json(200, { affinity: { session_id, hostname, project_dir, executor_profile } });
  }

  function remove(call: Call): Reply {
    const id = call.params[0] ?? "";
    const events = sessions.remove(id);
    if (events === undefined) return NO_SESSION;
    const runs = state.runs.removeOf(id);
    state.broadcast.send("session_deleted", id, { session_id: id, runs_deleted: runs });
    const deleted = { session: true, events_count: events, runs_count: runs };
    return done(200, { ok: true, session_id: id, deleted, runs_removed_from_cache: runs });
  }

  return [
    { method: "GET", path: "/sessions", handle: () => json(200, { sessions: sessions.list() }) },
    {
      method: "POST",
      path: "/sessions/{session_id}/events",
      handle: (call) => {
        const { body, refusal } = bodyOf(call, EVENT_FIELDS);
        return refusal ?? addEvent(call.params[0] ?? "", body);
      },
    },
    {
      method: "GET",
      path: "/sessions/{session_id}/events",
      handle: (call) =>
        withSession(call, (session) => json(200, { events: sessions.events(session.session_id) })),
    },
    { method: "POST", path: "/sessions/{session_id}/bind", handle: bind },
    { method: "PATCH", path: "/sessions/{session_id}/metadata", handle: metadata },
    {
      method: "GET",
      path: "/sessions/{session_id}",
      handle: (call) => withSession(call, (session) => json(200, { session })),
    },
    { method: "DELETE", path: "/sessions/{session_id}", handle: remove },
    {
      method: "GET",
      path: "/sessions/{session_id}/status",
      handle: (call) => json(200, { status: sessions.get(call.params[0] ?? "")?.status ?? "not_existent" }),
    },
    { method: "GET", path: "/sessions/{session_id}/result", handle: (call) => withSession(call, result) },
    { method: "GET", path: "/sessions/{session_id}/affinity", handle: (call) => withSession(call, affinity) },
  ];
}

function findOrCreate(state: State, options: SessionOptions, id: string): Session | undefined {
  const known = state.sessions.get(id);
  if (known !== undefined || !options.autoCreateSessions) return known;
  const session = state.sessions.create({ id, status: "running" });
  state.broadcast.send("session_created", id, { session });
  return session;
}
