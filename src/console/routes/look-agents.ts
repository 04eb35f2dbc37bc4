import type { FastifyInstance } from "fastify";
import { codedError } from "../../shared/base/errors.ts";
import { AGENT_EVENTS_SIZE, agentPage } from "../views/agent.ts";
import { agentsPage } from "../views/agents.ts";
import type { AgentSessions } from "../watch/agent-sessions.ts";
import { mustBeConnected, NO_LANES, sendPage, type Frame } from "./frame.ts";
import { agentOf, numberOf, parameter } from "./parameters.ts";

/** Sessions that workers run. */
export function addAgents(
  app: FastifyInstance,
  { agents, frame }: { agents: AgentSessions; frame: Frame },
): void {
  app.get("/agents", (request, reply) =>
    sendPage(frame, request, reply, NO_LANES, async (shot) => {
      mustBeConnected(frame);
      return { place: "agents", title: "Agent sessions", main: agentsPage(shot, await agents.list()) };
    }),
  );
  app.get("/agent", (request, reply) =>
    sendPage(frame, request, reply, NO_LANES, async (shot) => {
      const name = agentOf(parameter(request, "name"));
      const before = numberOf(parameter(request, "before"));
      mustBeConnected(frame);
      const page = await agents.page(name, {
        size: AGENT_EVENTS_SIZE,
        ...(before === undefined ? {} : { before }),
      });
      if (page === undefined)
        throw codedError("nothing_found", "There is no such agent session, or it was deleted.");
      return {
        place: "agents",
        title: `Agent session ${page.session.id}`,
        crumb: { path: "/agents", name: "Agent sessions" },
        main: agentPage(shot, page, before),
      };
    }),
  );
}
