import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { noteFailure, type Failure } from "../../http/problems.ts";
import type { PartDeps } from "../../http/part.ts";
import { refuse } from "../../access/caller.ts";
import { refusalAnswer, validationAnswer } from "./refusal.ts";

/** Failures of a body that is no JSON, or none that can be read. */
const NOT_JSON: readonly string[] = [
  "body_invalid_json",
  "body_not_object",
  "body_too_deep",
  "body_required",
];

/** Answers what goes wrong on this dialect's routes in the program's forms. */
export function answerFailures(app: FastifyInstance, deps: PartDeps): void {
  app.setErrorHandler((error, request, reply) =>
    answer(request, reply, noteFailure(request, error, deps), deps),
  );
}

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  failure: Failure,
  { clock }: PartDeps,
): FastifyReply {
  // a socket is refused before it is one: the program's framework makes 403 of every reason
  if (request.headers.upgrade !== undefined) return reply.code(403).send({ detail: failure.detail });
  // what was not read must not be taken for the next request
  if (!request.raw.complete && request.raw.httpVersionMajor < 2) reply.header("connection", "close");
  const { status, body } = NOT_JSON.includes(failure.code)
    ? validationAnswer(
        { loc: ["body"], msg: "JSON decode error", type: "json_invalid" },
        { request: request.id, at: clock.wall() },
      )
    : refusalAnswer(refuse(failure.code, failure.detail));
  return reply.code(status).send(body);
}
