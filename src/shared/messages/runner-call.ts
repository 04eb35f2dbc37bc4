import { sessionIdProblem } from "../log/schema/session-id.ts";

/** A call that a runner's own program makes and that decides over its life. `runner`: who polls, where its id can be used as a name. */
export type RunnerCall =
  | { kind: "register" }
  | { kind: "poll"; runner: string | undefined }
  | { kind: "heartbeat" };

/** Which of the runner's own calls a request is, by its path and query; a slash at the end does not matter. Pure. */
export function runnerCall(method: string, target: string): RunnerCall | undefined {
  const mark = target.indexOf("?");
  const path = withoutEnd(mark < 0 ? target : target.slice(0, mark));
  const query = mark < 0 ? "" : target.slice(mark);
  if (method === "POST" && path === "/runner/register") return { kind: "register" };
  if (method === "POST" && path === "/runner/heartbeat") return { kind: "heartbeat" };
  if (method !== "GET" || path !== "/runner/runs") return undefined;
  return { kind: "poll", runner: usableRunnerId(new URLSearchParams(query).get("runner_id")) };
}

/** It becomes a key and a subject: a long one makes the broker drop the connection. Pure. */
export function usableRunnerId(id: unknown): string | undefined {
  return typeof id === "string" && sessionIdProblem(id) === undefined ? id : undefined;
}

/** A path without the slashes at its end. Not by an expression, which takes the square of the length for a path that is all slashes. */
function withoutEnd(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === "/") end--;
  return path.slice(0, end);
}
