import type { Clock } from "../shared/base/clock.ts";
import { errorText } from "../shared/base/errors.ts";
import type { Logger } from "../shared/base/logger.ts";

/** Work at the broker that is repeated at intervals. */
export type Chores = {
  /** `name` is logged when it fails. */
  every(ms: number, what: () => Promise<void>, name: string): void;
  /** Work that waits for a broker that died meanwhile is not waited for. */
  disconnected(): void;
  stop(): void;
};

export function createChores(deps: { clock: Clock; log: Logger; connected: () => boolean }): Chores {
  const { clock, log } = deps;
  /** Those under way; a lost connection ends their wait. */
  const underWay = new Set<() => void>();
  let stopped = false;

  function every(ms: number, what: () => Promise<void>, name: string): void {
    clock.after(ms, () => {
      if (stopped) return;
      let ended = false;
      const end = (): void => {
        if (ended) return;
        ended = true;
        underWay.delete(end);
        every(ms, what, name);
      };
      if (!deps.connected()) return end();
      underWay.add(end);
      what()
        .catch((error: unknown) => log.warn({ err: errorText(error) }, name))
        .finally(end);
    });
  }

  return {
    every,
    disconnected() {
      for (const end of underWay) end();
    },
    stop() {
      stopped = true;
    },
  };
}
