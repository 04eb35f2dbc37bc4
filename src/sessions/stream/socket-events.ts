import type { Cursor } from "../../shared/session-log/follow/cursor.ts";
import { createLeader } from "../../shared/session-log/follow/leader.ts";
import type { Ending } from "./closing.ts";
import { follow, type FollowDeps, type Sent } from "./follow.ts";
import { socketFrame } from "./frame.ts";
import type { Outlet } from "./outlet.ts";
import type { Start } from "./start.ts";

/** The events that a socket gets. */
export type SocketEvents = {
  /** From now on they come from `start`; what came before ends first. */
  begin(start: Start): Promise<void>;
  /** The end of the log as it is now. */
  latest(): Promise<Cursor>;
  /** Is it getting any? */
  watching(): boolean;
  /** The newest one that was sent. */
  last(): number;
  stop(): Promise<void>;
};

export type SocketEventsOptions = {
  session: string;
  outlet: Outlet;
  ending: Ending;
  failed: (error: unknown) => void;
  /** Sends an item in another protocol's form; false as {@link Outlet.send}. */
  send?: (item: Sent) => boolean;
};

/** `ending` hears why they end, and of failures. */
export function createSocketEvents(deps: FollowDeps, of: SocketEventsOptions): SocketEvents {
  const { session, outlet, ending, failed } = of;
  const leader = createLeader({ ...deps, signal: ending.signal });
  let run: { stop: AbortController; over: Promise<void> } | undefined;
  let last = 0;

  async function stop(): Promise<void> {
    run?.stop.abort();
    await run?.over;
    run = undefined;
  }

  const send = of.send ?? ((item: Sent): boolean => outlet.send(socketFrame(item)));
  const sent = (seq: number): void => void (last = seq);

  async function sendFrom(start: Start, signal: AbortSignal): Promise<void> {
    try {
      const why = await follow(deps, { session, start, send, outlet, signal, sent });
      if (!signal.aborted) ending.end(why);
    } catch (error) {
      failed(error);
    }
  }

  return {
    async begin(start) {
      await stop();
      if (ending.signal.aborted) return;
      const controller = new AbortController();
      run = { stop: controller, over: sendFrom(start, controller.signal) };
    },
    async latest() {
      const { last: seq, log } = await leader.end();
      return { seq, log };
    },
    watching: () => run !== undefined,
    last: () => last,
    stop,
  };
}
