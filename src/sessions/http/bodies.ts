import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Clock } from "../../shared/base/clock.ts";
import { codedError, type CodedError } from "../../shared/base/errors.ts";
import { scanJson, type JsonLimits } from "../../shared/base/json-scan.ts";
import { BODY_MS, readBody, refusalOf } from "../../shared/http/body.ts";
import { createBudget, HELD_BYTES } from "../../shared/http/budget.ts";
import { framingProblem } from "../../shared/http/framing.ts";
import { bodyForm } from "../../shared/http/media-type.ts";

/** A body as it came, and what it says. */
export type JsonBody = { bytes: Uint8Array; value: Record<string, unknown> };

/** Deeper than anything that can be stored, so that the limit of an event is the one that is met. */
const BODY_JSON: JsonLimits = { depth: 66, values: 400_000 };

/** Reads every body within bounds: its size, its time, its share of the memory, its nesting. It must be a JSON object. */
export function readBodies(app: FastifyInstance, { limit, clock }: { limit: number; clock: Clock }): void {
  const budget = createBudget(HELD_BYTES, clock);
  const releases = new WeakMap<FastifyRequest, () => void>();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (request, _payload, done) => {
    const form = bodyForm(request.headers["content-type"], request.headers["content-encoding"]);
    if (!form.ok) return done(codedError("media_type_unsupported", form.detail));
    const framing = framingProblem(request.raw, false);
    if (framing !== undefined) return done(codedError("framing_invalid", framing));
    const start = (): void => undefined; // Node has written `100 Continue` by itself
    readBody(request.raw, { limit, limitMs: BODY_MS, budget, clock, start }, (result) => {
      if (result.kind === "aborted") return done(codedError("request_malformed", "the client went away"));
      if (result.kind !== "body") {
        const { code, detail } = refusalOf(result.kind, limit);
        return done(codedError(code, detail));
      }
      releases.set(request, result.release);
      const body = parse(result.bytes);
      if (body instanceof Error) done(body);
      else done(null, body);
    });
  });
  // however the request ends: its answer was sent, or its connection is gone
  app.addHook("onRequest", async (request, reply) => {
    reply.raw.once("close", () => releases.get(request)?.());
  });
}

function parse(bytes: Uint8Array): JsonBody | undefined | CodedError {
  if (bytes.length === 0) return undefined;
  const scan = scanJson(bytes, BODY_JSON);
  if (!scan.ok)
    return scan.problem === "depth" || scan.problem === "values"
      ? codedError("body_too_deep", `the body has more than ${BODY_JSON.depth} levels, or too many values`)
      : codedError("body_invalid_json", `byte ${scan.at} of the body is no JSON in UTF-8`);
  if (!scan.object) return codedError("body_not_object", "the body must be a JSON object");
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  return { bytes, value: JSON.parse(text) as Record<string, unknown> };
}

/** The body of a request that has one, or undefined. */
export function bodyOf({ body }: FastifyRequest): JsonBody | undefined {
  return body === undefined || body === null ? undefined : (body as JsonBody);
}
