import type { Readable } from "node:stream";
import type { Clock } from "../../shared/base/clock.ts";
import { isHttpCode, type HttpErrorCode } from "../../shared/base/errors.ts";
import { MAX_DATA_BYTES } from "../../shared/messages/tunnel/frame.ts";
import type { Wire } from "../../shared/messages/tunnel/wire.ts";
import { MOST_CRUMBS, NEXT_TO_NOTHING_BYTES, Parts } from "../../shared/http/parts.ts";

/** Where an answer goes: a response, or the socket of an upgrade. */
export type Outlet = {
  /** `alone`: no part of the body is there yet, and it is not known when it will come. */
  head(status: number, statusText: string, headers: string[], alone: boolean): void;
  /** `done` runs when the bytes are out of our hands. */
  data(bytes: Uint8Array, done: () => void): void;
  end(trailers: string[]): void;
  /** Sends an error answer if nothing was sent yet. Otherwise it breaks the connection off, because a cut answer must not look whole. */
  fail(code: HttpErrorCode, detail: string): void;
};

/** One passed-through request at the gateway, from its opening to its end. */
export type Exchange = {
  /** The relay that took it. */
  readonly relay: string | undefined;
  /** Since when the rest of the executor's body is awaited. Undefined if the body is whole, or if something else is awaited. */
  readonly silentSince: number | undefined;
  receive(payload: Uint8Array): void;
  /** Sends the executor's bytes as frames, as fast as the relay takes them. */
  pump(source: Readable): void;
  /** The executor left. */
  gone(): void;
  fail(code: HttpErrorCode, detail: string): void;
};

/** How long one half of an upgraded connection outlives the other: a close is answered in less. */
const HALF_MS = 5000;
/** Smaller pieces than this, on average, are crumbs: a stream that is paused keeps each of them by itself, and they would take a hundred times their bytes. */
const CRUMB_BYTES = 64;
/** A body in crumbs is not paused before this many bytes were gathered, which go on in frames of the usual size. If the crumbs hold next to nothing, the request ends. */
const MOST_CRUMB_BYTES: number = 4 * MAX_DATA_BYTES;
/** A body that brings {@link MOST_CRUMBS} of next to nothing within this time is not read any further: they cost all other requests a tenth of a second. */
const CRUMBS_MS = 1000;
const CRUMBLED = [
  "body_too_large",
  "the body arrives in tiny pieces, faster than they can be processed; send larger pieces",
] as const;

export function createExchange(deps: {
  wire: Wire;
  outlet: Outlet;
  /** An upgrade is asked for: the executor has no body, and says nothing before the answer. */
  upgrading: boolean;
  clock: Clock;
  ended: () => void;
}): Exchange {
  const { wire, outlet, clock } = deps;
  let relay: string | undefined;
  let over = false;
  /** The answer, or the coordinator's half of an upgraded connection, is whole. */
  let answered = false;
  /** True when the executor has sent everything. */
  let asked = true;
  let upgraded = false;
  /** The answer has begun: then a body may stay open for hours. */
  let begun = false;
  let heardAt = 0;
  let source: Readable | undefined;
  let cancelHalf: (() => void) | undefined;

  function end(): void {
    if (over) return;
    over = true;
    cancelHalf?.();
    deps.ended();
    source?.resume(); // the rest of the body is dropped, so that the connection can be used again
  }

  /** Ends the exchange when the answer is out. Each half of an upgraded connection ends by itself. */
  function settle(): void {
    if (answered && (asked || !upgraded)) end();
    else if (upgraded && (answered || asked)) cancelHalf ??= clock.after(HALF_MS, closeHalf);
  }

  function closeHalf(): void {
    fail("tunnel_broken", "one side ended, the other did not");
  }

  function fail(code: HttpErrorCode, detail: string): void {
    if (over) return;
    wire.send({ type: "reset", code: "cancelled", text: code });
    wire.flush();
    end();
    outlet.fail(code, detail);
  }

  function take(payload: Uint8Array): void {
    const received = wire.receive(payload);
    if (received.kind === "broken") return fail("tunnel_broken", `the answer: ${received.why}`);
    const { frames } = received;
    for (const frame of frames) {
      switch (frame.type) {
        case "accept":
          relay = frame.relay;
          wire.connect(frame.subject, frame.credit);
          break;
        case "head":
          upgraded = frame.status === 101;
          begun = true;
          outlet.head(frame.status, frame.statusText, frame.headers, frame === frames.at(-1));
          break;
        case "data":
          outlet.data(frame.bytes, () => wire.consumed());
          break;
        case "end":
          answered = true;
          outlet.end(frame.trailers);
          settle();
          break;
        case "reset":
          end();
          outlet.fail(isHttpCode(frame.code) ? frame.code : "tunnel_broken", frame.text);
          return;
        case "credit":
          break;
      }
    }
  }

  return {
    get relay() {
      return relay;
    },
    get silentSince() {
      return asked || begun || deps.upgrading || wire.blocked || source?.isPaused() ? undefined : heardAt;
    },
    receive(payload) {
      if (over) return;
      try {
        take(payload);
      } catch {
        // such as a header that HTTP libraries read and do not write
        fail("tunnel_broken", "the answer cannot be passed on");
      }
    },
    pump(from) {
      source = from;
      asked = false;
      heardAt = clock.now();
      let gathered = new Parts();
      const goOn = (): void => {
        const parts = gathered;
        gathered = new Parts();
        if (parts.size === 0 || wire.write(parts.take().bytes)) from.resume();
      };
      wire.onDrain(goOn);
      let crumbs = 0;
      let countedFrom = heardAt;
      from.on("data", (chunk: Buffer) => {
        heardAt = clock.now();
        if (over) return;
        if (heardAt - countedFrom > CRUMBS_MS) [crumbs, countedFrom] = [0, heardAt];
        if (chunk.length < NEXT_TO_NOTHING_BYTES && ++crumbs > MOST_CRUMBS) return fail(...CRUMBLED);
        if (!wire.blocked) {
          if (!wire.write(chunk) && chunk.length >= CRUMB_BYTES) from.pause();
          return;
        }
        gathered.add(chunk);
        const full = gathered.size > MOST_CRUMB_BYTES;
        if (full && gathered.mean < NEXT_TO_NOTHING_BYTES) fail(...CRUMBLED);
        else if (full || gathered.mean >= CRUMB_BYTES) from.pause();
      });
      from.on("end", () => {
        if (over) return;
        asked = true;
        if (gathered.size > 0) wire.write(gathered.take().bytes);
        wire.onDrain(() => undefined);
        wire.send({ type: "end", trailers: [] });
        settle();
      });
    },
    gone() {
      if (over) return;
      wire.send({ type: "reset", code: "cancelled", text: "the client disconnected" });
      wire.flush();
      end();
    },
    fail,
  };
}
