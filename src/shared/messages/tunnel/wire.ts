import type { NatsConnection } from "@nats-io/nats-core";
import { decodeMessage, WINDOW_FRAMES, type Frame } from "./frame.ts";
import { createSender, type Sender } from "./sender.ts";

/** Data frames that are consumed before credit is returned: an eighth of the window, so that credit is a small part of the traffic. */
const CREDIT_STEP: number = WINDOW_FRAMES / 8;

/** One side of a stream of frames: numbered messages out, checked messages in, credit both ways. */
export type Wire = Omit<Sender, "credit"> & {
  /** Processes a message, and checks that the other side follows the protocol. */
  receive(payload: Uint8Array): Received;
  /** Call this when a data frame was passed on, so that the other side may send more. */
  consumed(): void;
};

/** `broken`: an earlier message is missing, the message is invalid, or the other side exceeds its credit. */
export type Received = { kind: "frames"; frames: Frame[] } | { kind: "broken"; why: string };

/** BOUND-1: at most {@link WINDOW_FRAMES} data frames are in transit. Further data waits here, and the writer is asked to pause. */
export function createWire(nc: NatsConnection): Wire {
  const sender = createSender(nc);
  let nextIn = 0;
  let consumed = 0;
  /** Data frames that the other side may still send. */
  let allowed = WINDOW_FRAMES;
  /** True if the other side has sent everything. */
  let ended = false;

  /** The problem with a frame, or undefined. A stolen login could send anything (BOUND-1). */
  function excess(frame: Frame): string | undefined {
    if (frame.type === "credit") {
      if (!sender.credit(frame.frames)) return "more credit than a window";
    } else if (frame.type === "data") {
      if (ended) return "data behind the end";
      if (--allowed < 0) return "more data than there was credit for";
    } else if (frame.type === "end") {
      if (ended) return "a second end";
      ended = true;
    }
    return undefined;
  }

  return {
    send: sender.send,
    sendLater: sender.sendLater,
    write: sender.write,
    connect: sender.connect,
    onDrain: sender.onDrain,
    flush: sender.flush,
    get blocked() {
      return sender.blocked;
    },
    receive(payload) {
      const message = decodeMessage(payload);
      if (message === undefined) return { kind: "broken", why: "a message is not part of the protocol" };
      if (message.number !== nextIn) return { kind: "broken", why: "a part was lost" };
      nextIn++;
      for (const frame of message.frames) {
        const why = excess(frame);
        if (why !== undefined) return { kind: "broken", why };
      }
      return { kind: "frames", frames: message.frames };
    },
    consumed() {
      if (++consumed < CREDIT_STEP) return;
      sender.send({ type: "credit", frames: consumed });
      allowed += consumed;
      consumed = 0;
    },
  };
}
