import { PassThrough } from "node:stream";
import type { Opening } from "../../shared/messages/tunnel/opening.ts";
import type { Wire } from "../../shared/messages/tunnel/wire.ts";

/** A request's body, or the executor's half of an upgraded connection, on its way from the gateway's frames to the coordinator. */
export type FramedBody = {
  /** What the coordinator's connection reads from; undefined if no body comes in frames. */
  readonly stream: PassThrough | undefined;
  /** All of it has come. */
  readonly whole: boolean;
  /** Takes a frame's bytes. Its credit goes back as soon as there is room for more. */
  write(bytes: Uint8Array): void;
  end(): void;
  /** The rest is not needed any more. */
  drop(): void;
};

/** Of a request whose body came with its opening, or that has none. */
const NO_FRAMES: FramedBody = { stream: undefined, whole: true, write() {}, end() {}, drop() {} };

export function createFramedBody(opening: Opening, wire: Pick<Wire, "consumed">): FramedBody {
  if (opening.body.kind !== "frames") return NO_FRAMES;
  const stream = new PassThrough();
  let whole = false;
  /** Frames in the stream that no credit was given for yet. */
  let unread = 0;
  stream.on("drain", () => {
    for (; unread > 0; unread--) wire.consumed();
  });
  stream.on("error", () => {}); // the code that reads it reports what happened

  return {
    stream,
    get whole() {
      return whole;
    },
    write(bytes) {
      if (stream.destroyed) return;
      if (stream.write(bytes)) wire.consumed();
      else unread++;
    },
    end() {
      whole = true;
      stream.end();
    },
    drop: () => void stream.destroy(),
  };
}
