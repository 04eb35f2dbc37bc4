import { sessionIdProblem } from "../../log/schema/session-id.ts";

/** The texts that pydantic accepts as true. */
const TRUE = new Set(["true", "1", "yes", "on", "t", "y"]);

/** The runner that removes itself with `DELETE /runners/{id}?self=true`. Undefined for every other request. Pure. */
export function leavingRunner(method: string, target: string): string | undefined {
  if (method !== "DELETE") return undefined;
  const [path = "", query = ""] = target.split("?", 2);
  const match = /^\/+runners\/+([^/]+)\/*$/.exec(path);
  if (match?.[1] === undefined) return undefined;
  const self = new URLSearchParams(query).getAll("self").at(-1);
  if (self === undefined || !TRUE.has(self.toLowerCase())) return undefined;
  try {
    const runner = decodeURIComponent(match[1]);
    return sessionIdProblem(runner) === undefined ? runner : undefined;
  } catch {
    return undefined;
  }
}
