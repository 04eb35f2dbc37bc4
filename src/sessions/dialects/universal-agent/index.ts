import type { FastifyInstance } from "fastify";
import type { PartDeps } from "../../http/part.ts";
import { coreSessions } from "./core-sessions.ts";
import { answerFailures } from "./errors.ts";
import { addHealth } from "./health.ts";
import { addMcp } from "./mcp.ts";
import { sessionIdAt } from "./planned-session.ts";
import { addSessions } from "./rest.ts";

// rest.ts, mcp.ts, health.ts have the routes, errors.ts the answers to what fails (refusal.ts) · sessions.ts is what they do with sessions, core-sessions.ts has the core do it
// (planned-session.ts chooses ids) · create-body.ts reads and listing.ts, shown.ts show sessions

/** The protocol of Universal Agent, for its clients. */
export function addUniversalAgent(
  app: FastifyInstance,
  deps: PartDeps & { random: () => string; logUp: () => boolean },
): void {
  const { core, clock, random } = deps;
  const sessions = coreSessions(core, () => sessionIdAt(clock.wall(), random()));
  void app.register(async (scope) => {
    answerFailures(scope, deps);
    addSessions(scope, { ...deps, sessions });
    addMcp(scope);
    addHealth(scope, deps);
  });
}
