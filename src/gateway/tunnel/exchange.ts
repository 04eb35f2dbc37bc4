import type { Readable } from "node:stream";
import type { Clock } from "../../shared/base/clock.ts";
import { isHttpCode, type HttpErrorCode } from "../../shared/base/errors.ts";
import type { Frame } from "../../shared/messages/tunnel/frame.ts";
import type { Wire } from "../../shared/messages/tunnel/wire.ts";
import { sendBody, type ExecutorBody } from "./executor-body.ts";

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
const CRUMBLED = [
  "body_too_large",
  "the body arrives in tiny pieces, faster than they can be processed; send larger pieces",
] as const;

type ExchangeDeps = {
  wire: Wire;
  outlet: Outlet;
  /** The executor requested an upgrade: it has no body, and says nothing before the answer. */
  upgrading: boolean;
  clock: Clock;
  ended: () => void;
};

// oxlint-disable-next-line max-lines-per-function -- each method is short; the frames, the body and the end of an exchange share its state
export function createExchange(deps: ExchangeDeps): Exchange {
  const { wire, outlet, clock } = deps;
  let relay: string | undefined;
  let over = false;
  /** The answer, or the coordinator's half of an upgraded connection, is whole. */
  let answered = false;
  let upgraded = false;
  /** The answer has begun: then a body may stay open for hours. */
  let begun = false;
  /** Undefined for an executor that has nothing to send. */
  let body: ExecutorBody | undefined;
  let cancelHalf: (() => void) | undefined;

  function end(): void {
    if (over) return;
    over = true;
    cancelHalf?.();
    deps.ended();
    body?.drop();
  }

  /** Ends the exchange when the answer is out. Each half of an upgraded connection ends by itself. */
  function settle(): void {
    const asked = body?.whole ?? true;
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

  function take(frame: Frame, last: boolean): void {
    switch (frame.type) {
      case "accept":
        relay = frame.relay;
        return wire.connect(frame.subject, frame.credit);
      case "head":
        upgraded = frame.status === 101;
        begun = true;
        return outlet.head(frame.status, frame.statusText, frame.headers, last);
      case "data":
        return outlet.data(frame.bytes, () => wire.consumed());
      case "end":
        answered = true;
        outlet.end(frame.trailers);
        return settle();
      case "reset":
        end();
        return outlet.fail(isHttpCode(frame.code) ? frame.code : "tunnel_broken", frame.text);
      case "credit":
        return;
    }
  }

  function receive(payload: Uint8Array): void {
    const received = wire.receive(payload);
    if (received.kind === "broken") return fail("tunnel_broken", `the answer: ${received.why}`);
    const { frames } = received;
    for (const frame of frames) {
      take(frame, frame === frames.at(-1));
      if (frame.type === "reset") return;
    }
  }

  return {
    get relay() {
      return relay;
    },
    get silentSince() {
      return begun || deps.upgrading || wire.blocked ? undefined : body?.awaitedSince;
    },
    receive(payload) {
      if (over) return;
      try {
        receive(payload);
      } catch {
        // such as a header that HTTP libraries read and do not write
        fail("tunnel_broken", "the answer cannot be passed on");
      }
    },
    pump(source) {
      const crumbled = (): void => fail(...CRUMBLED);
      body = sendBody(source, { wire, clock, over: () => over, crumbled, ended: settle });
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
