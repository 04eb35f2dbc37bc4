import { notice, type Frame } from "./frame.ts";
import type { Shown } from "./shown.ts";

/** The first frame on a socket of a session. `seq`: what follows lies behind it in the log. */
export function connectedFrame(session: Shown, seq: number, at: number): Frame {
  const { session_id, user_id, workspace_dir } = session;
  const place = { session_id, workspace_dir, run_id: null, is_live_session: true };
  const nested = {
    ...place,
    workspace: workspace_dir,
    user_id,
    session_url: null,
    logfire_enabled: false,
  };
  const data = { message: "Connected to runner-relay", session: nested, ...place };
  return { ...notice("connected", data, at), seq };
}

/** The first frame on a socket without a session: there will be one with the first turn. */
export function lobbyFrame(at: number): Frame {
  const place = { session_id: "", workspace_dir: "", run_id: "", is_live_session: false };
  const session = { ...place, workspace: "", user_id: "" };
  const data = { message: "Connected to runner-relay (lobby)", session, ...place, lobby: true };
  return notice("connected", data, at);
}

/** The second frame, if a turn runs: its next events follow. */
export function processingFrame(turn: string, at: number): Frame {
  const message = "Reattached to active turn in progress.";
  return notice("status", { status: "processing", turn_id: turn, active_turn_id: turn, message }, at);
}
