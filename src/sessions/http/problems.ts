import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { errorText, isCoded, isHttpCode, type HttpErrorCode } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { problemOf } from "../../shared/http/problem.ts";
import { refuseUnread } from "../../shared/http/reply.ts";
import { countIn, type Counts } from "./counts.ts";
import { note } from "./part.ts";

/** Why a request failed, as the catalogue has it. */
export type Failure = { code: HttpErrorCode; detail: string };

/** What an error says to the client. What nobody expects says nothing of itself. Pure. */
function failureOf(error: unknown): Failure {
  if (isCoded(error) && isHttpCode(error.code)) return { code: error.code, detail: error.message };
  const { statusCode = 500, message } = error as Partial<FastifyError>;
  if (statusCode >= 400 && statusCode < 500)
    return { code: "request_malformed", detail: message ?? "the request cannot be read" };
  return { code: "internal", detail: "unexpected failure; the server's log has more" };
}

/** Writes down why a request failed: for its log line, and for metrics. */
export function noteFailure(
  request: FastifyRequest,
  error: unknown,
  { log, counts }: { log: Logger; counts: Counts },
): Failure {
  const failure = failureOf(error);
  countIn(counts.refusals, failure.code);
  note(request, { code: failure.code });
  if (failure.code === "internal") log.error({ err: errorText(error) }, "a request failed unexpectedly");
  return failure;
}

/** Answers errors of all routes that have no other form of their own as problems (RFC 9457). */
export function answerProblems(app: FastifyInstance, deps: { log: Logger; counts: Counts }): void {
  app.setErrorHandler((error, request, reply) =>
    sendFailure(request, reply, noteFailure(request, error, deps)),
  );
}

/** Sends a failure as a problem. A body that was not read is read to its end, so that its sender sees the answer. */
function sendFailure(request: FastifyRequest, reply: FastifyReply, { code, detail }: Failure): FastifyReply {
  const { status, headers, body } = problemOf(code, detail);
  if (request.raw.complete || !hasBody(request)) return reply.code(status).headers(headers).send(body);
  reply.hijack();
  refuseUnread(request.raw, reply.raw, code, detail, reply.getHeaders() as Record<string, string>);
  return reply;
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}
