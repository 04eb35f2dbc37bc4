import type { Outcome } from "./turn.ts";

/** A session as the server describes it. */
export type Session = {
  session_id: string;
  user_id: string;
  workspace_dir: string | null;
  agent: string | null;
  metadata: Record<string, unknown>;
  created_at: string;
  /** The turn of the `prompt` that it was made with. */
  turn?: { turn_id: string; seq: number };
};

/** What a session is made of: the fields of `POST /sessions`. An id that the user has already names the session that is there. */
export type NewSession = {
  session_id?: string;
  user_id?: string;
  workspace_dir?: string;
  agent?: string;
  prompt?: string;
  options?: Record<string, unknown>;
  metadata?: Record<string, unknown>;
};

/** What is decided about a `permission_request`. `message` is for the agent, if it may not; with `remember` it need not ask again for the same. */
export type Decision = { allow: boolean; message?: string; remember?: boolean };

/** Input for an agent while its turn runs. `input_id` is its name for its question. */
export type Input = { response: unknown; input_id?: string };

/** A turn as the server describes it. */
export type Turn = {
  turn_id: string;
  /** Its place in the log. */
  seq: number;
  status: "queued" | "running" | Outcome;
  cancel_requested: boolean;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
};
