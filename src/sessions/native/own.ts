import type { FastifyInstance } from "fastify";
import type { PartDeps } from "../http/part.ts";

/** What this process knows of itself. */
export type OwnState = {
  /** Is the broker connected? */
  logUp: () => boolean;
  /** Bytes that the log has left for what is not urgent; 0 or less: only ends and answers fit. */
  room: () => number;
  /** Turns that have not ended, by session; undefined if the broker does not say. */
  active: () => Promise<number | undefined>;
  metrics: () => Promise<{ render(): Promise<string>; contentType: string }>;
  /** The OpenAPI document. */
  document: () => Promise<object>;
};

const OPEN = { config: { open: true } } as const;

/** What anybody may ask of the server: it names no session, path or secret. */
export function addOwn(app: FastifyInstance, { version }: PartDeps, state: OwnState): void {
  app.get("/", OPEN, () => ({
    service: "runner-relay sessions",
    version,
    about: "Sessions of agents: each has one durable, ordered log of events, which is read from any cursor.",
    links: {
      sessions: "/sessions",
      events: "/sessions/{session_id}/events",
      health: "/health",
      ready: "/ready",
      metrics: "/metrics",
      openapi: "/openapi.json",
    },
  }));

  app.get("/health", OPEN, async () => ({
    status: "ok",
    version,
    sessions_active: (await state.active()) ?? null,
  }));

  app.get("/ready", OPEN, (_request, reply) => {
    const log = state.logUp() ? (state.room() > 0 ? "up" : "full") : "down";
    return reply
      .code(log === "up" ? 200 : 503)
      .send({ ready: log === "up", dependencies: { log: { state: log } } });
  });

  app.get("/metrics", OPEN, async (_request, reply) => {
    const metrics = await state.metrics();
    return reply.type(metrics.contentType).send(await metrics.render());
  });

  app.get("/openapi.json", OPEN, () => state.document());
}
