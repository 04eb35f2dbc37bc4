import type { Clock } from "../../../shared/base/clock.ts";
import { createEnding, type Closing } from "../../stream/closing.ts";
import { follow, type Sent } from "../../stream/follow.ts";
import { createTap, OUTLET_BYTES, type Outlet } from "../../stream/outlet.ts";
import type { StreamDeps } from "../../stream/sse.ts";
import type { Start } from "../../stream/start.ts";
import type { Message } from "./message.ts";
import { createShowing } from "./showing.ts";

export type WatchOptions = {
  /** What its user calls it, and its name in subjects. */
  session: { id: string; name: string };
  start: Start;
  /** Aborts when the credential does not count any more. */
  ended: AbortSignal;
  /** Aborts when the client left. */
  gone: AbortSignal;
  /** Ends with what lies in the log now. */
  once?: boolean;
};

/**
 * The messages of a session from a place on, until there is a reason to end, which it returns. A reader that is slow goes back to the log, as every watcher of this process does.
 * Rejects if the log cannot be read.
 */
export async function* watchMessages(
  deps: StreamDeps,
  { session, start, ended, gone, once = false }: WatchOptions,
): AsyncGenerator<Message, Closing | "caught_up"> {
  using ending = createEnding({ stopping: deps.stopping, ended });
  const leave = (): void => ending.end("gone");
  gone.addEventListener("abort", leave);
  if (gone.aborted) leave();
  const showing = createShowing(session.id);
  const queue = createQueue(deps.clock);
  let caughtUp = false;
  const send = (item: Sent): boolean => {
    if (caughtUp) return true;
    const room = queue.add(showing.take(item));
    if (once && item.kind === "caught_up") {
      caughtUp = true;
      queue.end();
    }
    return room;
  };
  const { signal } = ending;
  const followed = follow(deps, { session: session.name, start, send, outlet: queue, signal });
  const over = followed.finally(() => queue.end());
  over.catch(() => undefined); // awaited below
  try {
    for (let message = await queue.next(); message !== undefined; message = await queue.next()) yield message;
    if (caughtUp) return "caught_up";
    const why = await over;
    return ending.why() ?? why;
  } finally {
    leave();
    gone.removeEventListener("abort", leave);
    await over.catch(() => undefined);
  }
}

type Queue = Pick<Outlet, "drained"> & {
  /** False if enough waits. */
  add(messages: readonly Message[]): boolean;
  end(): void;
  /** The next message; undefined behind the last one. */
  next(): Promise<Message | undefined>;
};

/** Characters that a message costs beside its payload. */
const OVERHEAD = 200;

/** What waits to be read. It counts as full as long as anything of it is in the way of more: {@link OUTLET_BYTES}. */
function createQueue(clock: Clock): Queue {
  let waiting: Message[] = [];
  let chars = 0;
  let ended = false;
  let wake = (): void => undefined;
  const full = (): boolean => chars > OUTLET_BYTES;
  const tap = createTap(clock, full);
  return {
    add(messages) {
      for (const message of messages) {
        waiting.push(message);
        chars += message.payload.length + OVERHEAD;
      }
      wake();
      return !full();
    },
    end() {
      ended = true;
      wake();
    },
    async next() {
      while (waiting.length === 0 && !ended) await new Promise<void>((resolve) => (wake = resolve));
      const message = waiting.shift();
      if (message === undefined) return undefined;
      chars -= message.payload.length + OVERHEAD;
      if (!full()) tap.open();
      return message;
    },
    drained: tap.drained,
  };
}
