/** Why a stream ends. */
export type Closing =
  /** The session was deleted. */
  | "deleted"
  /** The client's credential expired or was removed. */
  | "auth"
  /** This server stops. The client comes back at once, and reaches another one or the next run. */
  | "stopping"
  /** Nothing was done with the socket for a while. */
  | "idle"
  /** The client sent more frames than it may. */
  | "flood"
  /** The client took nothing for a while. It gets no word, because it would not take that either. */
  | "stuck"
  /** The log cannot be read. */
  | "failed"
  /** Everything that was asked for was sent. */
  | "over"
  /** The client left. */
  | "gone";

/**
 * Close codes of a WebSocket: those of RFC 6455 where one fits, else of the private range, with the
 * HTTP status of the same trouble behind the 4.
 */
export const CLOSE_CODES: Record<Closing, number> = {
  deleted: 4404,
  auth: 4401,
  stopping: 1012,
  idle: 4408,
  flood: 1008,
  stuck: 1013,
  failed: 1011,
  over: 1000,
  gone: 1000,
};

/** One stream's end. The first reason counts, and is the reason of `signal`. */
export type Ending = {
  signal: AbortSignal;
  end(why: Closing): void;
  /** The reason; undefined while the stream goes on. */
  why(): Closing | undefined;
  [Symbol.dispose](): void;
};

/** `stopping`: this process stops. `ended`: the credential does not count any more. */
export function createEnding(causes: { stopping: AbortSignal; ended: AbortSignal }): Ending {
  const { stopping, ended } = causes;
  const controller = new AbortController();
  const end = (why: Closing): void => controller.abort(why);
  const stop = (): void => end("stopping");
  const expire = (): void => end("auth");
  stopping.addEventListener("abort", stop);
  ended.addEventListener("abort", expire);
  if (ended.aborted) expire();
  if (stopping.aborted) stop();
  return {
    signal: controller.signal,
    end,
    why: () => (controller.signal.aborted ? (controller.signal.reason as Closing) : undefined),
    [Symbol.dispose]() {
      stopping.removeEventListener("abort", stop);
      ended.removeEventListener("abort", expire);
    },
  };
}
