import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import {
  Code,
  ConnectError,
  createConnectRouter,
  createContextValues,
  type ConnectRouter,
} from "@connectrpc/connect";
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { ERRORS, errorText } from "../../../shared/base/errors.ts";
import { BODY_MS } from "../../../shared/http/body.ts";
import { callerOf, note, type PartDeps } from "../../http/part.ts";
import { noteFailure } from "../../http/problems.ts";
import { sendUnread, unreadAnswer } from "./refuse-unread.ts";
import { CALL } from "./session-service.ts";
import { statusOf } from "./status.ts";

/** A call's handler, as the library makes it. */
type Handler = ConnectRouter["handlers"][number];

/** Largest message of a client, and room for what is beside its payload. */
const MESSAGE_BYTES: number = 4 * 1024 * 1024 + 64 * 1024;
/** Answers are not compressed: texts of a session are small, and are read on the same network. */
const NEVER = 0x7fff_ffff;

/**
 * Adds the calls of services, for gRPC, gRPC-Web and Connect's JSON. They are admitted as every request is; what is refused there is answered before the message is read. With `open`
 * anybody may call.
 */
export function addCalls(
  app: FastifyInstance,
  deps: Pick<PartDeps, "log" | "counts" | "clock">,
  services: (router: ConnectRouter) => void,
  { open = false }: { open?: boolean } = {},
): void {
  const router = createConnectRouter({
    acceptCompression: [compressionGzip],
    compressMinBytes: NEVER,
    readMaxBytes: open ? 64 * 1024 : MESSAGE_BYTES,
  });
  services(router);
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _payload, done) => done(null)); // the handler reads it
    scope.setErrorHandler((error, request, reply) => {
      const failure = noteFailure(request, error, deps);
      reply.hijack();
      const { status } = ERRORS[failure.code];
      sendUnread(reply.raw, unreadAnswer(request.headers["content-type"] ?? "", statusOf(failure), status));
    });
    for (const handler of router.handlers)
      scope.post(handler.requestPath, { config: open ? { open } : { toTheEnd: true } }, (request, reply) => {
        void serve(handler, request, reply, deps);
        return reply;
      });
  });
}

async function serve(
  handler: Handler,
  request: FastifyRequest,
  reply: FastifyReply,
  { log, clock }: Pick<PartDeps, "log" | "clock">,
): Promise<void> {
  reply.hijack();
  const cancel = clock.after(BODY_MS, () => {
    if (!request.raw.complete) request.raw.destroy();
  });
  reply.raw.once("close", cancel);
  try {
    const values = createContextValues().set(CALL, callIn(request));
    const asked = universalRequestFromNodeRequest(request.raw, reply.raw, undefined, values);
    await universalResponseToNodeResponse(await handler(asked), reply.raw);
  } catch (error) {
    // a client that left is no failure
    const { code } = ConnectError.from(error);
    if (code !== Code.Aborted && code !== Code.Canceled && !reply.raw.destroyed)
      log.error({ err: errorText(error) }, "a call failed unexpectedly");
    reply.raw.destroy();
  }
}

function callIn(request: FastifyRequest): (typeof CALL)["defaultValue"] {
  if (request.caller === null) return undefined;
  const { "idempotency-key": key } = request.headers;
  return {
    caller: callerOf(request),
    key: typeof key === "string" && key !== "" ? key : undefined,
    note: (facts) => note(request, facts),
  };
}
