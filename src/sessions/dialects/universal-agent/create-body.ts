import type { FieldProblem } from "./refusal.ts";
import type { MakeRequest } from "./sessions.ts";

/** Names in the body, and what they are in a request. */
const FIELDS = { user_id: "user", session_id: "id", workspace_dir: "workspace" } as const;

export type CreateBody = { ok: true; request: MakeRequest } | { ok: false; problem: FieldProblem };

/** Reads the body of `POST /api/v1/sessions`. Null and texts without a letter count as absent, as clients send them; names that are not known are passed over. Pure. */
export function readCreateBody(body: unknown): CreateBody {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    return {
      ok: false,
      problem: { loc: ["body"], msg: "Input should be a valid object", type: "object_type" },
    };
  const request: MakeRequest = {};
  for (const [name, as] of Object.entries(FIELDS)) {
    const value = (body as Record<string, unknown>)[name] ?? "";
    if (typeof value !== "string") {
      const problem = { loc: ["body", name], msg: "Input should be a valid string", type: "string_type" };
      return { ok: false, problem };
    }
    if (value.trim() !== "") request[as] = value.trim();
  }
  return { ok: true, request };
}
