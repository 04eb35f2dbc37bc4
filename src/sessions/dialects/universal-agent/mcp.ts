import type { FastifyInstance } from "fastify";

/**
 * MCP servers of a session, which the program can change while it runs. Here they are the agent's own configuration, so that the answer is that of a program in which
 * this is switched off: it is the same for every id, and says nothing of the session.
 */
export function addMcp(app: FastifyInstance): void {
  app.route({
    method: ["GET", "POST", "DELETE"],
    url: "/api/v1/ops/sessions/:id/mcp",
    handler: async (_request, reply) =>
      reply
        .code(404)
        .send({ detail: "Dynamic MCP controls are disabled: MCP servers are configured with the agent" }),
  });
}
