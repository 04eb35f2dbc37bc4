import type { NatsConnection } from "@nats-io/nats-core";
import { atTurnEnd } from "../../base/turn-end.ts";
import { encodeMessage, MAX_DATA_BYTES, WINDOW_FRAMES, type Frame } from "./frame.ts";

/** The half of a wire that goes out: numbered messages, with as much data as there is credit for. */
export type Sender = {
  /** Queues a frame. All frames of one turn are sent as one message. */
  send: (frame: Exclude<Frame, { type: "data" }>) => void;
  /** Queues a frame that may wait for the next one, or for {@link Sender.flush}. */
  sendLater: (frame: Exclude<Frame, { type: "data" }>) => void;
  /** Queues bytes in frames. Bytes beyond the credit wait. Returns false if the writer should pause. */
  write: (bytes: Uint8Array) => boolean;
  /** Sets the subject of the other side. Frames wait until it is known. */
  connect: (subject: string, credit: number) => void;
  /** The other side gives credit for more frames. False if that is more than a window. */
  credit: (frames: number) => boolean;
  /** True while bytes wait for credit. */
  readonly blocked: boolean;
  /** Sets what runs when bytes no longer wait. */
  onDrain: (drained: () => void) => void;
  /** Sends the queued frames at once. */
  flush: () => void;
};

// oxlint-disable-next-line max-lines-per-function -- each method is short; queue, credit and number of the messages belong together
export function createSender(nc: NatsConnection): Sender {
  let subject: string | undefined;
  let credit = 0;
  let out: Frame[] = [];
  let outBytes = 0;
  /** Data beyond the credit, and everything after it. */
  let waiting: Frame[] = [];
  let nextOut = 0;
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

  return {
    send(frame) {
      // credit and resets overtake a waiting body, but the end of the body does not
      if (frame.type === "end") admit(frame);
      else queue(frame);
    },
    sendLater: (frame) => void out.push(frame),
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
    credit(frames) {
      if (credit + frames > WINDOW_FRAMES) return false;
      credit += frames;
      release();
      return true;
    },
    get blocked() {
      return waiting.length > 0;
    },
    onDrain: (drained) => void (onDrain = drained),
    flush,
  };
}
