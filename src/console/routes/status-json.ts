import type { FastifyInstance } from "fastify";
import { firstStandings, type SessionSources } from "../../shared/messages/standing/session-standing.ts";
import { standingJson } from "../../shared/messages/standing/standing-text.ts";
import type { Frame } from "./frame.ts";

/** Most sessions that are listed, those first that somebody should look at. */
const MOST_LISTED = 100;

/** What the overview shows, for programs: the fields of `status --json` that the broker tells, the sessions that have something waiting, and what the console watched. */
export function addStatus(app: FastifyInstance, { snapshot }: Pick<Frame, "snapshot">): void {
  app.get("/status.json", async (_request, reply) => {
    const { reading, gate, latest, troubles, sources } = await snapshot({ most: MOST_LISTED });
    const { known, error } = reading;
    return reply.code(error === undefined ? 200 : 503).send({
      ...known?.status,
      ...(known === undefined ? {} : { at: new Date(known.wall).toISOString() }),
      ...(error === undefined ? {} : { error }),
      sessions: listOf(sources),
      gate,
      latest,
      troubles,
    });
  });
}

function listOf(sources: SessionSources): object {
  const { rows, total } = firstStandings(sources, { most: MOST_LISTED });
  return { list: rows.map(standingJson), total };
}
