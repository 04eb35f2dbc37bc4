import type { FastifyInstance } from "fastify";
import type { Frame } from "./frame.ts";

/** What the overview shows, for programs: the fields of `status --json` that the broker tells, and what the console watched. */
export function addStatus(app: FastifyInstance, { snapshot }: Pick<Frame, "snapshot">): void {
  app.get("/status.json", async (_request, reply) => {
    const { reading, gate, latest, troubles } = await snapshot({ most: 0 });
    const { known, error } = reading;
    return reply.code(error === undefined ? 200 : 503).send({
      ...known?.status,
      ...(known === undefined ? {} : { at: new Date(known.wall).toISOString() }),
      ...(error === undefined ? {} : { error }),
      gate,
      latest,
      troubles,
    });
  });
}
