import type { FastifyInstance } from "fastify";
import type { PartDeps } from "../../http/part.ts";
import { coreSessions } from "./core-sessions.ts";
import { answerFailures } from "./errors.ts";
import { addHealth } from "./health.ts";
import { addMcp } from "./mcp.ts";
import { sessionIdAt, turnIdAt } from "./planned-session.ts";
import { addSessions } from "./rest.ts";
import { addSockets } from "./sockets.ts";

// rest.ts, sockets.ts, mcp.ts, health.ts have the routes, errors.ts the answers to what fails (refusal.ts) · sessions.ts is what they do with sessions, core-sessions.ts has the
// core do it (planned-session.ts chooses ids) · create-body.ts reads and listing.ts, shown.ts show sessions · socket.ts serves a socket

/** The protocol of Universal Agent, for its clients. What differs from the program is in docs/operations/universal-agent-clients.md. */
export function addUniversalAgent(
  app: FastifyInstance,
  deps: PartDeps & { textDedupe: boolean; random: () => string; logUp: () => boolean },
): void {
  const { core, clock, random } = deps;
  const now = (): number => clock.wall();
  const sessions = coreSessions(core, () => sessionIdAt(now(), random()));
  const turnId = (): string => turnIdAt(now(), random());
  void app.register(async (scope) => {
    answerFailures(scope, deps);
    addSessions(scope, { ...deps, sessions });
    addMcp(scope);
    addHealth(scope, deps);
    addSockets(scope, { ...deps, ...deps.streams, sessions, now, turnId });
  });
}
