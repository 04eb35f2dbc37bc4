import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { rest } from "../../shared/base/rest.ts";
import { followConnection } from "../../shared/log/connection.ts";
import { createAlarm } from "./alarm.ts";
import { restartDelay } from "./child.ts";
import type { KeptLog } from "./log.ts";

export type Provisioning = {
  /** Settles with the first one, without which `up` cannot start. */
  first: Promise<void>;
  stop(): void;
};

/**
 * Has the log provisioned when `up` starts, and again each time that its own broker was started again: what that broker found to be gone has to be named, and
 * what was removed before its start has to be made anew. Then a refusal does not end `up`, because runners and executors live on its gateway, which refuses
 * writes or stores them as far as the broker does. It is said with its code, and tried again, for somebody may mend it meanwhile.
 */
export function keepProvisioned(options: {
  theLog: Pick<KeptLog, "admin" | "make">;
  /** True if the broker is our own. What another one holds after its restart is for its operator to decide. */
  own: boolean;
  clock: Clock;
  log: Logger;
}): Provisioning {
  const { theLog, clock, log } = options;
  const first = Promise.withResolvers<void>();
  const stopping = new AbortController();
  const alarm = createAlarm(log, clock, "what the log needs could not be restored");
  /** Counts connections. What fails on an earlier one says nothing about the log. */
  let turn = 0;
  let begun = false;

  async function provision(mine: number): Promise<void> {
    const over = (): boolean => mine !== turn || stopping.signal.aborted;
    for (let tries = 1; !over(); tries++) {
      try {
        await theLog.make();
        if (alarm.end()) log.info({}, "the log has everything that it needs again");
        begun = true;
        return first.resolve();
      } catch (error) {
        if (over()) return;
        if (!begun) return first.reject(error);
        alarm.raise(error);
        await rest(clock, restartDelay(tries), stopping.signal);
      }
    }
  }

  const connection = followConnection({
    nc: theLog.admin,
    lost: () => undefined,
    regained: () => {
      if (options.own) void provision(++turn);
    },
    fatal: (error) => log.error({ error: errorText(error) }, "the broker refuses `up`"),
  });
  void provision(turn);
  return {
    first: first.promise,
    stop() {
      connection.leave();
      stopping.abort();
    },
  };
}
