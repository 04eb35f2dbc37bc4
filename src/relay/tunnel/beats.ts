import type { Clock } from "../../shared/base/clock.ts";
import { GATEWAY_SILENCE_MS } from "../../shared/messages/tunnel/opening.ts";
import type { Streams } from "./streams.ts";

const CHECK_MS = 1000;

/** When each process of a gateway was heard last, by `<gateway>.beat.<process>`. */
export type Beats = {
  /** A process has something open here from now on. */
  expect(gateway: string): void;
  heard(gateway: string): void;
  stop(): void;
};

/** Cancels the open requests of a gateway that is silent, because it no longer waits for them. */
export function watchBeats(deps: { clock: Clock; streams: Streams }): Beats {
  const { clock, streams } = deps;
  const heardAt = new Map<string, number>();
  let cancel: () => void = () => {};

  const check = (): void => {
    const now = clock.now();
    for (const stream of streams.all()) {
      if (now - (heardAt.get(stream.gateway) ?? 0) > GATEWAY_SILENCE_MS) stream.cancel("the gateway is gone");
    }
    const used = new Set(Array.from(streams.all(), ({ gateway }) => gateway));
    for (const gateway of heardAt.keys()) if (!used.has(gateway)) heardAt.delete(gateway);
    cancel = clock.after(CHECK_MS, check);
  };
  cancel = clock.after(CHECK_MS, check);

  return {
    expect: (gateway) => void heardAt.set(gateway, clock.now()),
    heard(gateway) {
      if (heardAt.has(gateway)) heardAt.set(gateway, clock.now()); // others have nothing open here
    },
    stop: () => cancel(),
  };
}
