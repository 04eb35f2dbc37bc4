import type { FastifyInstance, FastifyRequest } from "fastify";
import { codedError } from "../../../shared/base/errors.ts";
import { isRefusal } from "../../access/caller.ts";
import { bodyOf } from "../../http/bodies.ts";
import { granted } from "../../http/checked.ts";
import { callerOf, note, type PartDeps } from "../../http/part.ts";
import { readCreateBody } from "./create-body.ts";
import { opsList, sessionList, type OpsQuery } from "./listing.ts";
import { SESSION_ID } from "./planned-session.ts";
import { validationAnswer } from "./refusal.ts";
import type { Sessions } from "./sessions.ts";
import { shownSession } from "./shown.ts";

const SESSIONS = "/api/v1/sessions";

/** Sessions are made, listed, looked at and deleted. */
export function addSessions(app: FastifyInstance, deps: PartDeps & { sessions: Sessions }): void {
  const { sessions, clock } = deps;

  app.post(SESSIONS, async (request, reply) => {
    const read = readCreateBody(bodyOf(request)?.value);
    if (!read.ok) {
      const { status, body } = validationAnswer(read.problem, { request: request.id, at: clock.wall() });
      return reply.code(status).send(body);
    }
    const session = granted(await sessions.make(callerOf(request), read.request));
    note(request, { session: session.id });
    return live(shownSession(session));
  });

  app.get(SESSIONS, async (request) => {
    const all = granted(await sessions.list(callerOf(request)));
    return sessionList(all, await runningAmong(all));
  });

  app.get("/api/v1/ops/sessions", async (request) => {
    const all = granted(await sessions.list(callerOf(request)));
    return opsList(all, await runningAmong(all), request.query as OpsQuery);
  });

  app.get(`${SESSIONS}/:id`, async (request) =>
    live(shownSession(granted(await sessions.find(callerOf(request), idOf(request))))),
  );

  // the same for what is not there, so that nobody learns by it what others have
  app.delete(`${SESSIONS}/:id`, async (request) => {
    const id = idOf(request);
    const removed = await sessions.remove(callerOf(request), id);
    if (isRefusal(removed) && removed.code !== "session_unknown") granted(removed);
    return { status: "deleted", session_id: id };
  });

  /** Without the broker's word a list has no running session, instead of there being no list. */
  async function runningAmong(all: readonly unknown[]): Promise<ReadonlySet<string>> {
    const running = all.length === 0 ? new Set<string>() : await sessions.running();
    return isRefusal(running) ? new Set() : running;
  }
}

/** The id in the path. Throws `session_id_invalid`. */
export function idOf(request: FastifyRequest): string {
  const { id = "" } = request.params as { id?: string };
  if (SESSION_ID.test(id)) return id;
  throw codedError("session_id_invalid", "Invalid session id format");
}

function live(shown: object): object {
  return { ...shown, run_id: null, is_live_session: true };
}
