import type { Field } from "./validation.ts";

// The coordinator's request models: names, types and order decide what its 422 answers say.

export const BIND_FIELDS: readonly Field[] = [
  { name: "executor_session_id", type: "string", required: true },
  { name: "hostname", type: "string", required: true },
  { name: "executor_profile", type: "string", required: true },
  { name: "project_dir", type: "string" },
];

export const EVENT_FIELDS: readonly Field[] = [
  { name: "event_type", type: "string", required: true },
  { name: "session_id", type: "string", required: true },
  { name: "timestamp", type: "string", required: true },
  { name: "tool_name", type: "string" },
  { name: "tool_input", type: "object" },
  { name: "tool_output", type: "any" },
  { name: "error", type: "string" },
  { name: "exit_code", type: "integer" },
  { name: "reason", type: "string" },
  { name: "role", type: "string" },
  { name: "content", type: "list" },
  { name: "result_text", type: "string" },
  { name: "result_data", type: "object" },
];

export const METADATA_FIELDS: readonly Field[] = [
  { name: "project_dir", type: "string" },
  { name: "agent_name", type: "string" },
  { name: "last_resumed_at", type: "string" },
  { name: "executor_session_id", type: "string" },
  { name: "executor_profile", type: "string" },
  { name: "hostname", type: "string" },
];

export const RUN_FIELDS: readonly Field[] = [
  { name: "type", type: "string", required: true },
  { name: "session_id", type: "string" },
  { name: "agent_name", type: "string" },
  { name: "parameters", type: "object" },
  { name: "project_dir", type: "string" },
  { name: "parent_session_id", type: "string" },
  { name: "execution_mode", type: "string" },
  { name: "scope", type: "object" },
];

export const REGISTER_FIELDS: readonly Field[] = [
  { name: "hostname", type: "string", required: true },
  { name: "project_dir", type: "string", required: true },
  { name: "executor_profile", type: "string", required: true },
  { name: "executor", type: "object" },
  { name: "tags", type: "list" },
];

export const RUNNER_ID_FIELDS: readonly Field[] = [{ name: "runner_id", type: "string", required: true }];

export const RUN_COMPLETED_FIELDS: readonly Field[] = [
  ...RUNNER_ID_FIELDS,
  { name: "status", type: "string" },
  { name: "session_status", type: "string" },
];

export const RUN_FAILED_FIELDS: readonly Field[] = [
  ...RUNNER_ID_FIELDS,
  { name: "error", type: "string", required: true },
];

export const SESSION_STATUS_FIELDS: readonly Field[] = [
  ...RUNNER_ID_FIELDS,
  { name: "status", type: "string", required: true },
];
