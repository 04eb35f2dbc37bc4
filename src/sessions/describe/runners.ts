import { BODY, FOUND, type Operation } from "./operation.ts";

const ANSWERS = [
  "runner_unknown",
  "runner_unreachable",
  "runner_refused",
  "runner_failed",
  "runner_answer_invalid",
  "runner_timeout",
] as const;

const OPEN = { description: "The runner's answer, as it came." } as const;

function asked(path: string, summary: string): Omit<Operation, "id"> {
  return {
    method: "get",
    path: `/sessions/{session_id}/runner/${path}`,
    tag: "Runners",
    summary,
    query: ["user_id"],
    success: { status: 200, description: "The runner's answer. Its status is passed on, too.", schema: OPEN },
    refusals: [...FOUND, ...ANSWERS],
  };
}

function told(path: string, summary: string, example: object): Omit<Operation, "id"> {
  const { refusals, ...of } = asked(path, summary);
  const schema = { type: "object", properties: {}, additionalProperties: {}, description: "For the runner." };
  return { ...of, method: "post", body: { schema, example }, refusals: [...refusals, ...BODY] };
}

/** What is passed on to the runner of a session's pod. */
export const RUNNERS: Record<string, Omit<Operation, "id">> = {
  interruptRunner: told("interrupt", "Have the runner interrupt its run", { thread_id: "pod-1" }),
  sendFeedback: told("feedback", "Tell the runner what a person thinks of an answer", {
    metaType: "thumbs_up",
    payload: { messageId: "m-1" },
  }),
  getCapabilities: asked("capabilities", "Ask what the runner can do"),
  getMcpStatus: asked("mcp", "Ask how the runner's MCP servers are"),
  listTasks: asked("tasks", "List the runner's tasks in the background"),
  stopTask: told("tasks/{task}/stop", "Stop a task of the runner", {}),
  getTaskOutput: asked("tasks/{task}/output", "Get what a task put out"),
};
