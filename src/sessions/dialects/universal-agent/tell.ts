import { readSessionEvent, type SessionEvent } from "../../../shared/session-log/event/session-event.ts";
import type { Sent } from "../../stream/follow.ts";
import { eventData } from "./event-data.ts";
import { eventFrames, unreadableFrame } from "./event-frames.ts";
import { notice, type Frame } from "./frame.ts";

/** Turns an item of a session's log into frames for one socket. Keeps what the frames depend on. */
export type Teller = {
  frames(item: Sent): Frame[];
  /** The items begin anew, while this turn runs. */
  begin(running: string | undefined): void;
  /** The turn that the client waits for, so that the end of another one is not taken for its own. */
  waitFor(turn: string | undefined): void;
  waiting(): string | undefined;
  /** The turn that runs as far as this client was told. Undefined also while it is told what was. */
  running(): string | undefined;
};

/** Reasons of cancellations that are kept for turns which have not ended. */
const MOST_REASONS = 16;

export function createTeller(now: () => number): Teller {
  let own: string | undefined;
  let running: string | undefined;
  let live = false;
  const reasons = new Map<string, string>();

  function told(event: SessionEvent, reason: string | undefined): Frame[] {
    const { turn_id: turn, type, source } = event;
    if (reason !== undefined && turn !== undefined && reasons.size < MOST_REASONS) reasons.set(turn, reason);
    const frames = eventFrames(event, { own, reasonOf: (it) => reasons.get(it) });
    if (source !== "worker" || turn === undefined) return frames;
    if (type === "turn_started") running = turn;
    if (type === "turn_ended") {
      reasons.delete(turn);
      if (turn === own) own = undefined;
      if (turn === running) running = undefined;
    }
    return frames;
  }

  return {
    frames(item) {
      switch (item.kind) {
        case "event": {
          const read = readSessionEvent(item.event);
          return "event" in read
            ? told(read.event, cancelReason(read.event))
            : [unreadableFrame(read, now())];
        }
        case "gap": {
          const { from, to } = item;
          const message = `Events from ${from} to ${to} are not kept any more.`;
          return [notice("status", { status: "gap", from, to, message }, now())];
        }
        case "reset": {
          const message = "The log is another one: its events follow from the start.";
          return [notice("status", { status: "reset", message }, now())];
        }
        case "caught_up":
          live = true;
          return [];
      }
    },
    begin(turn) {
      running = turn;
      live = false;
    },
    running: () => (live ? running : undefined),
    waitFor: (turn) => void (own = turn),
    waiting: () => own,
  };
}

/** Why somebody cancels a turn. */
function cancelReason(event: SessionEvent): string | undefined {
  if (event.type !== "cancel" || event.source !== "user") return undefined;
  const { reason } = eventData(event);
  return typeof reason === "string" ? reason : undefined;
}
