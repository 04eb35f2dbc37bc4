import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { codedError, errorText } from "../../shared/base/errors.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import { granted } from "../http/checked.ts";
import { countIn } from "../http/counts.ts";
import { callerOf, note, type PartDeps } from "../http/part.ts";
import { takeSocketPlace } from "../http/socket-place.ts";
import type { Closing } from "../stream/closing.ts";
import { serveSocket } from "../stream/socket.ts";
import { streamSse } from "../stream/sse.ts";
import { startOf, type Start } from "../stream/start.ts";
import { queryText, sessionOf } from "../http/parameters.ts";
import { createAct } from "./socket-actions.ts";

/** Does the client want events as they come? */
export function wantsStream({ headers }: FastifyRequest): boolean {
  return /\btext\/event-stream\b/i.test(headers.accept ?? "");
}

/** Answers with a session's events as they come. */
export async function sendStream(
  request: FastifyRequest,
  reply: FastifyReply,
  deps: PartDeps,
): Promise<FastifyReply> {
  const { ended } = callerOf(request);
  const lastEventId = request.headers["last-event-id"];
  const start = startAsked(request, typeof lastEventId === "string" ? lastEventId : undefined);
  const session = granted(await deps.core.find(callerOf(request), sessionOf(request)));
  // for as long as the answer lasts: the connection of a proxy outlives it
  const place = granted(deps.gate.watch(callerOf(request)));
  try {
    reply.hijack();
    await counted("sse", request, deps, () =>
      streamSse(deps.streams, reply.raw, {
        session: session.name,
        start,
        ended,
        headers: reply.getHeaders(),
      }),
    );
  } finally {
    place.giveBack();
  }
  return reply;
}

/** Several sockets may be open for a session, each with what its client asked for. */
export function addSockets(app: FastifyInstance, deps: PartDeps): void {
  const admitted = new WeakMap<FastifyRequest, { session: Session; start: Start | undefined }>();
  app.get(
    "/sessions/:id/execute",
    {
      websocket: true,
      // before the upgrade, so that a refusal is an answer with a status
      async preHandler(request) {
        const start = queryText(request, "after") === undefined ? undefined : startAsked(request);
        const session = granted(await deps.core.find(callerOf(request), sessionOf(request)));
        takeSocketPlace(request, deps.gate);
        admitted.set(request, { session, start });
      },
    },
    async (socket, request) => {
      const found = admitted.get(request);
      if (found === undefined) throw new Error("a socket that was not admitted");
      const { session, start } = found;
      const { ended } = callerOf(request);
      const act = createAct(request, deps);
      await counted("websocket", request, deps, () =>
        serveSocket(deps.streams, socket, { session: session.name, start, ended, act }),
      );
    },
  );
}

function startAsked(request: FastifyRequest, lastEventId?: string): Start {
  const start = startOf(queryText(request, "after"), lastEventId);
  if (start === undefined)
    throw codedError("cursor_invalid", "a stream begins behind a cursor as it came from here, or at latest");
  return start;
}

/** Runs a stream, which counts as a watcher meanwhile. Why it ended goes into the request's log line. */
async function counted(
  protocol: string,
  request: FastifyRequest,
  { counts, log }: PartDeps,
  run: () => Promise<{ why: Closing; error?: unknown }>,
): Promise<void> {
  note(request, { closed: "gone" }); // the line of a client that left is written before anybody else hears of it
  countIn(counts.watchers, protocol);
  const { why, error } = await run();
  countIn(counts.watchers, protocol, -1);
  note(request, { closed: why });
  if (error !== undefined) log.error({ err: errorText(error), ...request.facts }, "a stream failed");
}
