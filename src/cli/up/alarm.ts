import type { Clock } from "../../shared/base/clock.ts";
import { errorText, isCoded } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";

/** Says why something that is tried again and again does not work. */
export type Alarm = {
  raise(error: unknown): void;
  /** It works again. True if it did not before. */
  end(): boolean;
};

/** The same failure is said again this often. */
const REPEAT_MS = 60_000;

/** An alarm is said at once when the failure is another one than before, and else once a minute. `what` is the line. */
export function createAlarm(log: Logger, clock: Pick<Clock, "now">, what: string): Alarm {
  let said: { kind: string; at: number } | undefined;
  return {
    raise(error) {
      const text = errorText(error);
      const code = isCoded(error) ? { code: error.code } : {};
      const kind = code.code ?? text;
      if (said?.kind === kind && clock.now() - said.at < REPEAT_MS) return;
      said = { kind, at: clock.now() };
      log.error({ ...code, error: text }, what);
    },
    end() {
      const was = said !== undefined;
      said = undefined;
      return was;
    },
  };
}
