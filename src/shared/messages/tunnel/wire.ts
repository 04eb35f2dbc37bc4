import type { NatsConnection } from "@nats-io/nats-core";
import { atTurnEnd } from "../../base/turn-end.ts";
import { decodeMessage, encodeMessage, MAX_DATA_BYTES, WINDOW_FRAMES, type Frame } from "./frame.ts";

/** Data frames that are consumed before credit is returned: an eighth of the window, so that credit is a small part of the traffic. */
const CREDIT_STEP: number = WINDOW_FRAMES / 8;

/** One side of a stream of frames: numbered messages out, checked messages in, credit both ways. */
export type Wire = {
  /** Queues a frame. All frames of one turn are sent as one message. */
  send(frame: Exclude<Frame, { type: "data" }>): void;
  /** Queues a frame that may wait for the next one, or for {@link Wire.flush}. */
  sendLater(frame: Exclude<Frame, { type: "data" }>): void;
  /** Queues bytes in frames. Bytes beyond the credit wait. Returns false if the sender should pause. */
  write(bytes: Uint8Array): boolean;
  /** Sets the subject of the other side. Frames wait until it is known. */
  connect(subject: string, credit: number): void;
  /** Processes a message, and checks that the other side follows the protocol. */
  receive(payload: Uint8Array): Received;
  /** Call this when a data frame was passed on, so that the other side may send more. */
  consumed(): void;
  /** True while bytes wait for credit. */
  readonly blocked: boolean;
  /** Sets what runs when bytes no longer wait. */
  onDrain(drained: () => void): void;
  /** Sends the queued frames at once. */
  flush(): void;
};

/** `broken`: an earlier message is missing, the message is invalid, or the other side exceeds its credit. */
export type Received = { kind: "frames"; frames: Frame[] } | { kind: "broken"; why: string };

/** BOUND-1: at most {@link WINDOW_FRAMES} data frames are in transit. Further data waits here, and the writer is asked to pause. */
export function createWire(nc: NatsConnection): Wire {
  let subject: string | undefined;
  let credit = 0;
  let out: Frame[] = [];
  let outBytes = 0;
  /** Data beyond the credit, and everything after it. */
  let waiting: Frame[] = [];
  let nextOut = 0;
  let nextIn = 0;
  let consumed = 0;
  /** Data frames that the other side may still send. */
  let allowed = WINDOW_FRAMES;
  /** True if the other side has sent everything. */
  let ended = false;
  let scheduled = false;
  let onDrain = (): void => undefined;

  function flush(): void {
    scheduled = false;
    if (subject === undefined || out.length === 0 || nc.isClosed()) return;
    const frames = out;
    out = [];
    outBytes = 0;
    nc.publish(subject, encodeMessage(nextOut++, frames));
  }

  function queue(frame: Frame): void {
    const bytes = frame.type === "data" ? frame.bytes.length : 0;
    if (outBytes + bytes > MAX_DATA_BYTES && out.length > 0) flush();
    out.push(frame);
    outBytes += bytes;
    if (scheduled) return;
    scheduled = true;
    atTurnEnd(flush);
  }

  function admit(frame: Frame): void {
    const first = waiting.length === 0;
    if (first && (frame.type !== "data" || credit > 0)) {
      if (frame.type === "data") credit--;
      return queue(frame);
    }
    waiting.push(frame);
  }

  function release(): void {
    const had = waiting.length > 0;
    let next = waiting[0];
    while (next !== undefined && (next.type !== "data" || credit > 0)) {
      if (next.type === "data") credit--;
      queue(next);
      waiting.shift();
      next = waiting[0];
    }
    if (had && waiting.length === 0) onDrain();
  }

  /** The problem with a frame, or undefined. A stolen login could send anything (BOUND-1). */
  function excess(frame: Frame): string | undefined {
    if (frame.type === "credit") {
      if (credit + frame.frames > WINDOW_FRAMES) return "more credit than a window";
      credit += frame.frames;
      release();
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
    send(frame) {
      // credit and resets overtake a waiting body, but the end of the body does not
      if (frame.type === "end") admit(frame);
      else queue(frame);
    },
    sendLater(frame) {
      out.push(frame);
    },
    write(bytes) {
      for (let at = 0; at < bytes.length; at += MAX_DATA_BYTES) {
        admit({ type: "data", bytes: bytes.subarray(at, at + MAX_DATA_BYTES) });
      }
      return waiting.length === 0;
    },
    connect(to, frames) {
      if (subject !== undefined) return; // a second subject would come from someone else
      subject = to;
      credit = Math.min(WINDOW_FRAMES, credit + frames);
      release();
      flush();
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
      queue({ type: "credit", frames: consumed });
      allowed += consumed;
      consumed = 0;
    },
    get blocked() {
      return waiting.length > 0;
    },
    onDrain(drained) {
      onDrain = drained;
    },
    flush,
  };
}
