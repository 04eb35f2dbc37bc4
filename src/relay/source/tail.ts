import type { Clock } from "../../shared/base/clock.ts";
import { errorText, isCoded } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { Consumer, ConsumerInfo } from "./consumer.ts";
import { createLooks, type Looks } from "./looks.ts";

/** How often a shard to which nothing comes is compared with its consumer: one question of each shard in this time costs the broker nothing that shows. */
const CHECK_MS = 2000;
/** A delivery that was sent before the answer may come after it by another way. */
const AGAIN_MS = 1000;

/** The delivery that a shard expects next, in one turn. `done`: all that came is settled, so that all of it is acked. */
export type Place = { turn: number; next: number; done: boolean };

export type TailDeps = {
  clock: Clock;
  log: Logger;
  shard: number;
  consumer: Pick<Consumer, "info">;
  /** Undefined while nothing is expected: the shard is not ours, or is being taken over. */
  place: () => Place | undefined;
  /** The consumer stands elsewhere than the shard: what it delivered did not come. */
  lost: (place: Place) => void;
  fatal(error: Error): void;
};

/** Notices that the last delivery of a shard was lost, or that its consumer was reset by another client and the first one since then was. */
export type TailWatch = Looks;

/** Does the consumer stand where the shard does? After a reset by another client the numbers may be equal by chance; but then it waits for acks. Pure. */
export function agrees(
  { next, done }: Place,
  { delivered, num_ack_pending: unacked = 0 }: ConsumerInfo,
): boolean {
  return (delivered?.consumer_seq ?? 0) === next - 1 && !(done && unacked > 0);
}

function same(a: Place | undefined, b: Place | undefined): boolean {
  return a !== undefined && b !== undefined && a.turn === b.turn && a.next === b.next;
}

/**
 * A lost delivery shows as a hole when the next one comes. Behind the last one nothing comes, and the broker does not deliver it again before `ack_wait`, an
 * hour. That happens where a delivery goes through several servers: a route or a leaf's link breaks, and our own connection stays. So a quiet shard compares
 * what it got with what its consumer sent, twice. Less was sent where somebody reset the consumer meanwhile.
 */
export function watchTail(deps: TailDeps): TailWatch {
  const { clock, log, shard, consumer, place } = deps;
  /** Where the shard was at the last look. */
  let before: Place | undefined;
  let suspected: Place | undefined;

  async function look(): Promise<void> {
    const now = place();
    const quiet = same(now, before);
    before = now;
    if (now === undefined || !quiet) return void (suspected = undefined);
    const info = await consumer.info();
    if (agrees(now, info) || !same(now, place())) return void (suspected = undefined);
    if (!same(now, suspected)) return void (suspected = now);
    suspected = undefined;
    deps.lost(now);
  }

  return createLooks(clock, {
    waitMs: () => (suspected === undefined ? CHECK_MS : AGAIN_MS),
    look: () =>
      look().catch((error: unknown) => {
        if (isCoded(error)) return deps.fatal(error);
        log.debug({ shard, err: errorText(error) }, "shard could not be compared with its consumer");
      }),
  });
}
