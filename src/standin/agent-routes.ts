import { detail, json } from "./call.ts";
import type { Route } from "./router.ts";
import type { JsonObject } from "./validation.ts";

/** The one blueprint that the stand-in knows: the procedural echo agent of the recorded calls. */
const ECHO = {
  name: "echo",
  description: "Simple echo agent that returns the input message as JSON",
  type: "procedural",
  parameters_schema: {
    type: "object",
    required: ["message"],
    properties: { message: { type: "string", description: "The message to echo back" } },
    additionalProperties: false,
  },
  tags: [],
  capabilities: [],
  status: "active",
  created_at: "",
  modified_at: "",
  command: "scripts/echo/echo",
};

/** Which executors may take a run of this agent. */
export function agentType(name: string | undefined): string {
  return name === ECHO.name ? ECHO.type : "autonomous";
}

/** The agent as a run carries it to its runner; none for a run without a known agent. */
export function blueprintOf(name: string | undefined): JsonObject | undefined {
  return name === ECHO.name ? ECHO : undefined;
}

export function agentRoutes(): Route[] {
  return [
    { method: "GET", path: "/agents", handle: () => json(200, [ECHO]) },
    {
      method: "GET",
      path: "/agents/{name}",
      handle: ({ params: [name] }) =>
        name === ECHO.name ? json(200, ECHO) : detail(404, `Agent not found: ${name}`),
    },
  ];
}
