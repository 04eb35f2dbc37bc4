import { sessionIdProblem } from "../log/schema/session-id.ts";

/** A call of the runner program itself, on which its life depends. `runner`: the id of a polling runner, if it can be used as a name. */
export type RunnerCall =
  | { kind: "register" }
  | { kind: "poll"; runner: string | undefined }
  | { kind: "heartbeat" };

/** Recognises the runner's own calls by path and query. A trailing slash does not matter. Pure. */
export function runnerCall(method: string, target: string): RunnerCall | undefined {
  const mark = target.indexOf("?");
  const path = withoutEnd(mark < 0 ? target : target.slice(0, mark));
  const query = mark < 0 ? "" : target.slice(mark);
  if (method === "POST" && path === "/runner/register") return { kind: "register" };
  if (method === "POST" && path === "/runner/heartbeat") return { kind: "heartbeat" };
  if (method !== "GET" || path !== "/runner/runs") return undefined;
  return { kind: "poll", runner: usableRunnerId(new URLSearchParams(query).get("runner_id")) };
}

/** True if an id can be used as a key and in a subject. A long one would make the broker drop the connection. Pure. */
export function usableRunnerId(id: unknown): string | undefined {
  return typeof id === "string" && sessionIdProblem(id) === undefined ? id : undefined;
}

/** Removes slashes at the end of a path. A regular expression would need quadratic time for a path of slashes. */
function withoutEnd(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === "/") end--;
  return path.slice(0, end);
}
