import type { Clock } from "../../shared/base/clock.ts";
import { errorText, isCoded } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { addressWithToken } from "../../shared/http/door/door.ts";
import type { Child } from "./child.ts";
import type { ChildPlan } from "./child-run.ts";
import type { ReadyInfo } from "./kept.ts";

/** How long `up` waits for the status page before it says that all is ready: a console starts within a second, and agents wait for the ready file. */
export const PAGE_WAIT_MS = 5000;

/** The console, which may not run yet. */
export type LateConsole = Pick<Child, "ready" | "stop">;

/**
 * Keeps the console running. It starts after what executors wait for, because on a small machine it would take the time of a planned restart from them. If it
 * cannot start, that is said in the log, and everything else runs on: no event waits for a page.
 */
export function keepConsole(options: {
  /** Settles when gateway and relay are ready. */
  after: Promise<unknown>;
  start: (plan: ChildPlan, learn: (url: string) => void, onFatal: (error: Error) => void) => Child;
  plan: ChildPlan;
  /** Learns the page's address. */
  info: Partial<ReadyInfo>;
  pageToken: string;
  log: Logger;
}): LateConsole {
  const { after, start, plan, info, pageToken, log } = options;
  let child: Child | undefined;
  let stopped = false;
  const begin = (): Child =>
    start(
      plan,
      (url) => {
        info.page = addressWithToken(url, pageToken);
        info.console = url;
        plan.keptPort = Number(new URL(url).port); // people keep its address open
      },
      (error) => {
        delete info.page;
        delete info.console;
        const code = isCoded(error) ? error.code : "internal";
        log.error(
          { code, err: errorText(error) },
          "the console cannot be started; everything else runs without it",
        );
      },
    );
  const ready = after.then(() => {
    if (stopped) throw new Error("stopped before it started");
    child = begin();
    return child.ready;
  });
  ready.catch(() => undefined); // pageOrNot() looks at it, if it is asked
  return {
    ready,
    async stop(graceMs) {
      stopped = true;
      await child?.stop(graceMs);
    },
  };
}

/** Settles when the console shows the page, when it cannot start, or after {@link PAGE_WAIT_MS}. Never rejects. */
export async function pageOrNot({ ready }: Pick<LateConsole, "ready">, clock: Clock): Promise<void> {
  const enough = Promise.withResolvers<void>();
  const cancel = clock.after(PAGE_WAIT_MS, enough.resolve);
  await Promise.race([ready.catch(() => undefined), enough.promise]);
  cancel();
}
