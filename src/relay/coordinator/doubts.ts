import type { Clock } from "../../shared/base/clock.ts";
import type { Health } from "./health.ts";

/** After one refused connection the address is asked at this interval, so that a quiet runner also learns of an outage at once. */
const VERIFY_MS = 50;

/** Asks for the coordinator's health while the gate is up, but something suggests that it should not be; one question at a time. */
export type Doubts = {
  /** No connection could be made: asks until it is clear whether the coordinator is away. */
  unreached: () => void;
  /** Something else than the coordinator answered, or nothing did: asks once. */
  unclear: () => void;
};

export function createDoubts(deps: {
  clock: Clock;
  health: () => Promise<Health>;
  /** Is the gate up, and the relay not stopping? */
  up: () => boolean;
  /** One more connection could not be made. Returns whether that was the last one that was needed: the coordinator is away. */
  refused: () => boolean;
  /** The coordinator is away. */
  gone: (text: string) => void;
  wrongAddress: (text: string) => void;
}): Doubts {
  let asking = false;
  const ask = async (): Promise<Health | undefined> => {
    const found = await deps.health();
    asking = false;
    return deps.up() ? found : undefined;
  };
  const unreached = (): void => {
    if (asking) return;
    asking = true;
    deps.clock.after(VERIFY_MS, () => {
      void ask().then((found) => {
        if (found?.kind !== "away" || !found.connection) return;
        if (deps.refused()) deps.gone(found.text);
        else unreached();
      });
    });
  };
  return {
    unreached,
    unclear() {
      if (asking || !deps.up()) return;
      asking = true;
      void ask().then((found) => {
        if (found?.kind === "away") deps.gone(found.text);
        else if (found?.kind === "wrong_address") deps.wrongAddress(found.text);
      });
    },
  };
}
