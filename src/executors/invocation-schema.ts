import { SCHEMA_VERSION } from "./invocation.ts";

/** The JSON schema of an invocation, for `--schema`. */
export const INVOCATION_SCHEMA: object = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "ExecutorInvocation",
  type: "object",
  required: ["schema_version", "mode", "session_id", "parameters"],
  properties: {
    schema_version: { type: "string", const: SCHEMA_VERSION },
    mode: { type: "string", enum: ["start", "resume"] },
    session_id: { type: "string", minLength: 1 },
    parameters: { type: "object", description: '{"prompt": "…"}, or what parameters_schema asks for' },
    project_dir: { type: "string", description: "folder in which the agent works; only to start" },
    agent_name: { type: "string" },
    agent_blueprint: {
      type: "object",
      properties: {
        name: { type: "string" },
        system_prompt: { type: "string" },
        mcp_servers: {
          type: "object",
          additionalProperties: {
            type: "object",
            required: ["url"],
            properties: {
              url: { type: "string" },
              config: { type: "object", description: "headers of each request" },
            },
          },
        },
        parameters_schema: { type: "object" },
        output_schema: { type: "object" },
      },
    },
    executor_config: { type: "object", description: "`config` of the runner's profile" },
    metadata: { type: "object" },
  },
};
