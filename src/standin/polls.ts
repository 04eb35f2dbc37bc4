import type { Clock } from "../shared/base/clock.ts";
import { NO_CONTENT, type Reply } from "./call.ts";

/** What a poll finds for its runner at this moment, if anything; what it finds is taken. */
export type Look = () => Reply | undefined;

export type HeldPoll = {
  reply: Promise<Reply>;
  /** Ends the poll without a find. */
  end(): void;
};

export type Polls = ReturnType<typeof createPolls>;

/** Polls that wait for something to do, oldest first. */
export function createPolls(clock: Clock) {
  const waiting = new Set<{ look: Look; finish(reply: Reply): void }>();
  let begun = 0;

  return {
    /** Answers what `look` finds at once or within `holdMs`, else 204. */
    hold(look: Look, holdMs: number): HeldPoll {
      const { promise, resolve } = Promise.withResolvers<Reply>();
      begun++;
      let cancel = (): void => undefined;
      const poll = {
        look,
        finish(reply: Reply): void {
          cancel();
          waiting.delete(poll);
          resolve(reply);
        },
      };
      cancel = clock.after(holdMs, () => poll.finish(NO_CONTENT));
      waiting.add(poll);
      const found = look();
      if (found !== undefined) poll.finish(found);
      return { reply: promise, end: () => poll.finish(NO_CONTENT) };
    },

    /** Something new is there: each poll looks again. */
    wake(): void {
      for (const poll of Array.from(waiting)) {
        const found = poll.look();
        if (found !== undefined) poll.finish(found);
      }
    },

    /** How many polls wait, and how many came since the start. */
    waiting: (): number => waiting.size,
    begun: (): number => begun,

    /** Ends all of them, like a restart of the coordinator. */
    endAll(): void {
      for (const poll of Array.from(waiting)) poll.finish(NO_CONTENT);
    },
  };
}
