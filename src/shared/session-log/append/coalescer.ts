import type { Clock } from "../../base/clock.ts";
import { coalesce, type Arrival, type Held } from "./coalesce.ts";

/** Text that a session's agent says in pieces, on its way to few appends. */
export type Coalescer = {
  /** A piece of what `key` names. It is sent within 50 ms, the first after a pause at once. */
  delta(key: string, text: string): void;
  /** Sends what is held. Called before anything that is no delta, so that it overtakes nothing, and at the end. */
  flush(): void;
};

/** Runs {@link coalesce} with a clock. `send` is called in the order of the pieces. */
export function createCoalescer(clock: Clock, send: (key: string, text: string) => void): Coalescer {
  let held: Held = { kind: "open" };
  let cancel = (): void => undefined;

  function take(arrival: Arrival): void {
    const [next, effects] = coalesce(held, arrival, clock.now());
    held = next;
    if (held.kind !== "holding") cancel();
    for (const effect of effects) {
      if (effect.type === "send") send(effect.key, effect.text);
      else {
        cancel();
        cancel = clock.after(effect.at - clock.now(), () => take({ type: "due" }));
      }
    }
  }

  return {
    delta: (key, text) => take({ type: "delta", key, text }),
    flush: () => take({ type: "other" }),
  };
}
