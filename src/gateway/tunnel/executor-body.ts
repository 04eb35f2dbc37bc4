import type { Readable } from "node:stream";
import type { Clock } from "../../shared/base/clock.ts";
import { MOST_CRUMBS, NEXT_TO_NOTHING_BYTES, Parts } from "../../shared/http/parts.ts";
import { MAX_DATA_BYTES } from "../../shared/messages/tunnel/frame.ts";
import type { Wire } from "../../shared/messages/tunnel/wire.ts";

/** Smaller pieces than this, on average, are crumbs: a stream that is paused keeps each of them by itself, and they would take a hundred times their bytes. */
const CRUMB_BYTES = 64;
/** A body in crumbs is not paused before this many bytes were gathered, which go on in frames of the usual size. If the crumbs hold next to nothing, the request ends. */
const MOST_CRUMB_BYTES: number = 4 * MAX_DATA_BYTES;
/** A body that brings {@link MOST_CRUMBS} of next to nothing within this time is not read any further: they cost all other requests a tenth of a second. */
const CRUMBS_MS = 1000;

/** What an executor sends, a request's body or its half of an upgraded connection, on its way into frames. */
export type ExecutorBody = {
  /** The executor has sent everything. */
  readonly whole: boolean;
  /** Since when its next piece is awaited (monotonic time); undefined while nothing is read, or everything was. */
  readonly awaitedSince: number | undefined;
  /** The rest is dropped, so that the connection can be used again. */
  drop(): void;
};

/** Sends an executor's bytes as frames, as fast as the relay takes them. */
export function sendBody(
  source: Readable,
  deps: {
    wire: Wire;
    clock: Clock;
    /** Is the exchange over? Then what comes is dropped. */
    over: () => boolean;
    /** Runs when the body arrives in pieces that are too small. */
    crumbled: () => void;
    /** Runs when everything was sent. */
    ended: () => void;
  },
): ExecutorBody {
  const { wire, clock, over, crumbled } = deps;
  let whole = false;
  let heardAt = clock.now();
  let gathered = new Parts();
  let crumbs = 0;
  let countedFrom = heardAt;

  wire.onDrain(() => {
    const parts = gathered;
    gathered = new Parts();
    if (parts.size === 0 || wire.write(parts.take().bytes)) source.resume();
  });
  source.on("data", (chunk: Buffer) => {
    heardAt = clock.now();
    if (over()) return;
    if (heardAt - countedFrom > CRUMBS_MS) [crumbs, countedFrom] = [0, heardAt];
    if (chunk.length < NEXT_TO_NOTHING_BYTES && ++crumbs > MOST_CRUMBS) return crumbled();
    if (!wire.blocked) {
      if (!wire.write(chunk) && chunk.length >= CRUMB_BYTES) source.pause();
      return;
    }
    gathered.add(chunk);
    const full = gathered.size > MOST_CRUMB_BYTES;
    if (full && gathered.mean < NEXT_TO_NOTHING_BYTES) crumbled();
    else if (full || gathered.mean >= CRUMB_BYTES) source.pause();
  });
  source.on("end", () => {
    if (over()) return;
    whole = true;
    if (gathered.size > 0) wire.write(gathered.take().bytes);
    wire.onDrain(() => undefined);
    wire.send({ type: "end", trailers: [] });
    deps.ended();
  });

  return {
    get whole() {
      return whole;
    },
    get awaitedSince() {
      return whole || source.isPaused() ? undefined : heardAt;
    },
    drop: () => void source.resume(),
  };
}
