import type { JetStreamManager } from "@nats-io/jetstream";
import { readControls } from "../shared/log/state/control.ts";
import { readHeld } from "../shared/log/state/held.ts";

/** The sessions that wait for an operator now, and whether they are parked or paused. Throws `schema_newer`. */
export async function readStopped(jsm: JetStreamManager): Promise<Map<string, "parked" | "paused">> {
  const [held, controls] = await Promise.all([readHeld(jsm), readControls(jsm)]);
  const stopped = new Map<string, "parked" | "paused">();
  for (const { session, reason } of held.values()) if (reason !== "backlog") stopped.set(session, reason);
  for (const { session, action } of controls.sessions) if (action === "pause") stopped.set(session, "paused");
  return stopped;
}
