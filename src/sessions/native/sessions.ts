import type { FastifyInstance } from "fastify";
import { codedError } from "../../shared/base/errors.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import { callerTokenOf } from "../http/caller-token.ts";
import { checkedBody, granted } from "../http/checked.ts";
import { countIn } from "../http/counts.ts";
import { callerOf, note, type PartDeps } from "../http/part.ts";
import { traceOf } from "../../shared/base/tracing.ts";
import { limitOf, placeOf, queryText, sessionOf } from "../http/parameters.ts";
import { CREATE_BODY, PATCH_BODY } from "./schemas.ts";

/** A session as clients see it. */
function sessionJson({ id, user, kind, at, record }: Session): Record<string, unknown> {
  const { workspace_dir = null, agent = null, options = {}, metadata = {} } = record;
  return {
    session_id: id,
    user_id: user,
    kind,
    workspace_dir,
    agent,
    options,
    metadata,
    created_at: new Date(at).toISOString(),
  };
}

const KEY = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;

/** The client's key for a request. Throws `idempotency_key_invalid`. */
export function keyOf(headers: Record<string, string | string[] | undefined>): string | undefined {
  const key = headers["idempotency-key"];
  if (key === undefined) return undefined;
  if (typeof key === "string" && KEY.test(key)) return key;
  throw codedError("idempotency_key_invalid", "Idempotency-Key must be 1 to 255 visible characters");
}

/** Sessions are made, listed, looked at, changed and deleted. */
export function addSessions(app: FastifyInstance, { core, counts }: PartDeps): void {
  app.post("/sessions", async (request, reply) => {
    const { value } = checkedBody(request, CREATE_BODY);
    const made = granted(
      await core.create(callerOf(request), {
        user: value.user_id,
        id: value.session_id,
        key: keyOf(request.headers),
        workspace: value.workspace_dir,
        agent: value.agent,
        prompt: value.prompt,
        options: value.options,
        metadata: value.metadata,
        trace: traceOf(request.headers)?.traceparent,
        callerToken: callerTokenOf(request.headers),
      }),
    );
    const { session, turn } = made;
    if (made.made) countIn(counts.appends, "created");
    note(request, { session: session.id, made: made.made });
    const shown = turn === undefined ? {} : { turn: { turn_id: turn.id, seq: turn.seq } };
    return reply.code(made.made ? 201 : 200).send({ ...sessionJson(session), ...shown });
  });

  app.get("/sessions", async (request) => {
    const page = { user: queryText(request, "user_id"), after: placeOf(request), limit: limitOf(request) };
    const { sessions, next } = granted(await core.list(callerOf(request), page));
    return { sessions: sessions.map(sessionJson), next: next ?? null };
  });

  app.get("/sessions/:id", async (request) =>
    sessionJson(granted(await core.find(callerOf(request), sessionOf(request)))),
  );

  app.patch("/sessions/:id", async (request) => {
    const { metadata } = checkedBody(request, PATCH_BODY).value;
    return sessionJson(granted(await core.patch(callerOf(request), sessionOf(request), metadata)));
  });

  app.delete("/sessions/:id", async (request) => {
    granted(await core.remove(callerOf(request), sessionOf(request)));
    return { deleted: true };
  });
}
