import cors from "@fastify/cors";
import type { FastifyInstance, FastifyRequest } from "fastify";

/** How long a browser keeps what a preflight said: as long as it can. */
const KEPT_SECONDS = 7200;

/** Lets pages of the listed origins read answers. A preflight says nothing of any session and carries no key, so that it needs none. */
export function answerPages(app: FastifyInstance, origins: ReadonlySet<string>): void {
  if (origins.size === 0) return;
  void app.register(cors, {
    origin: [...origins],
    methods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
    allowedHeaders: [
      "Authorization",
      "X-API-Key",
      "Content-Type",
      "Idempotency-Key",
      "Last-Event-ID",
      "X-Caller-Token",
    ],
    exposedHeaders: ["Retry-After"],
    maxAge: KEPT_SECONDS,
  });
}

/** A question of a browser before it sends a page's request. Pure. */
export function isPreflight({ method, headers }: Pick<FastifyRequest, "method" | "headers">): boolean {
  return method === "OPTIONS" && headers["access-control-request-method"] !== undefined;
}
