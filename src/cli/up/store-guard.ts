import { jetstreamManager, JetStreamApiError, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Staging } from "../../embedded/staging.ts";
import { isStillThere, lossText, type StoreLoss, type StoreWatch } from "../../embedded/store-watch.ts";
import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import { counted } from "../../shared/base/show.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { readBacklog } from "../../shared/messages/status/backlog.ts";
import { DEAD_STREAM, EVENTS_STREAM, STATE_STREAM } from "../../shared/log/schema/topology.ts";

/** The store of the broker that `up` runs. */
export type OwnStore = {
  watch: StoreWatch;
  staging: Pick<Staging, "link" | "look">;
  /** Settles if the broker ended by itself and must not be started again, because its store was removed, moved or replaced. */
  lost: Promise<StoreLoss>;
  /** Kills the broker for good. If it ended in order, it would write into a folder that is not its own any more. */
  end(): Promise<void>;
};

/** What was in a store when it was lost. Undefined if it could not be counted. */
export type Held = { events: number | undefined; letters: number | undefined };

export type StoreGuard = {
  /** What happened to the store, for people. Undefined if nothing did. */
  lost(): string | undefined;
  stop(): void;
};

const LOOK_MS = 1000;
/** How long the broker is asked. It must end soon, but on a loaded machine an answer takes more than a second. */
const ASK_MS = 3000;
/** A loss is logged again this often. */
const REPEAT_MS = 60_000;

/**
 * Ends the broker when its store is removed, moved away or replaced while it runs, because it would continue to acknowledge events that cannot be found again
 * (DURABLE-1). Gateways then refuse writes and are not ready. `up` keeps running and repeats what happened until it is stopped.
 */
// oxlint-disable-next-line max-lines-per-function -- each method is short; the looks, the loss and its repetition share one timer
export function guardStore(options: {
  store: OwnStore;
  admin: NatsConnection;
  clock: Clock;
  log: Logger;
}): StoreGuard {
  const { store, clock, log } = options;
  /** When the broker made each stream. If that changes, the broker itself has made a new stream of this name. */
  const created = new Map<string, string>();
  let lost: { loss: StoreLoss; held: Held } | undefined;
  let stopped = false;
  let cancel: () => void = () => undefined;

  async function look(): Promise<void> {
    try {
      const jsm = await jetstreamManager(options.admin, { checkAPI: false, timeout: ASK_MS });
      const loss = store.watch.look();
      if (loss !== undefined && !(await isBrokersOwn(jsm, loss))) return await lose(loss, await count(jsm));
      await store.staging.look();
      for (const stream of store.watch.unsealed()) await seal(jsm, stream);
    } catch (error) {
      log.debug({ err: errorText(error) }, "could not look at the store");
    }
    if (!stopped) cancel = clock.after(LOOK_MS, () => void look());
  }

  /** Has the broker write a stream's own files again, by an update that changes nothing. */
  async function seal(jsm: JetStreamManager, stream: string): Promise<void> {
    await jsm.streams.update(stream, {});
    log.warn({ stream }, "a stream's own files were incomplete, the broker wrote them again");
  }

  /** Was the stream deleted or restored through the broker? Throws if the broker does not answer, so that nothing is decided then. */
  async function isBrokersOwn(jsm: JetStreamManager, { stream }: StoreLoss): Promise<boolean> {
    if (stream === undefined) return false;
    const before = created.get(stream);
    const now = await jsm.streams.info(stream).then(
      (info) => info.created,
      (error: unknown) => {
        if (error instanceof JetStreamApiError && error.code === 10059) return undefined;
        throw error;
      },
    );
    if (now !== undefined && now === before) return false;
    store.watch.forget(stream);
    if (now === undefined) created.delete(stream);
    else created.set(stream, now);
    return true;
  }

  async function lose(loss: StoreLoss, held: Held): Promise<void> {
    if (lost !== undefined || stopped) return;
    lost = { loss, held };
    log.fatal(
      { ...loss, ...held, code: "store_lost", text: report() },
      "the broker's store is lost; the broker is being stopped",
    );
    await store.end();
    repeat();
  }

  /** A folder is removed from the inside out: what was found first may be a part only of what is gone a moment later. */
  function report(): string | undefined {
    if (lost === undefined) return undefined;
    const now = store.watch.look();
    if (now?.how === "removed") lost.loss = now;
    return lossReport(lost.loss, lost.held);
  }

  function repeat(): void {
    cancel = clock.after(REPEAT_MS, () => {
      log.error(
        { code: "store_lost", text: report() },
        "writes are refused until `up` is stopped and started again",
      );
      repeat();
    });
  }

  async function begin(): Promise<void> {
    const jsm = await jetstreamManager(options.admin, { checkAPI: false, timeout: ASK_MS });
    for await (const { config, created: at } of jsm.streams.list()) created.set(config.name, at);
  }

  void begin()
    .catch((error: unknown) =>
      log.warn({ err: errorText(error) }, "the store's guard could not read the streams"),
    )
    .then(look);
  void store.lost.then((loss) => lose(loss, { events: undefined, letters: undefined }));
  return {
    lost: report,
    stop() {
      stopped = true;
      cancel();
      store.watch.close();
    },
  };
}

/** Counts what the broker had, which it still knows although the files are gone. What it accepts between this and its end is not counted. */
async function count(jsm: JetStreamManager): Promise<Held> {
  const [events, letters] = await Promise.allSettled([
    readBacklog(jsm).then((backlog) => backlog.events),
    jsm.streams.info(DEAD_STREAM).then((info) => info.state.messages),
  ]);
  return {
    events: events.status === "fulfilled" ? events.value : undefined,
    letters: letters.status === "fulfilled" ? letters.value : undefined,
  };
}

/** For people: what happened, what is lost with it, and what to do. Pure. */
export function lossReport(loss: StoreLoss, held: Held): string {
  const still = isStillThere(loss);
  const fate = still ? "with it" : "lost";
  const advice = still
    ? "Put it back, then start again."
    : "Restore a copy if there is one, then start again.";
  return `${lossText(loss)}: ${fateOf(loss.stream, held, fate)}. ${advice}`;
}

function fateOf(stream: string | undefined, { events, letters }: Held, fate: string): string {
  if (stream === STATE_STREAM) return `the relays' state is ${fate}`;
  const dead = letters === undefined ? "the dead letters" : counted(letters, "dead letter");
  if (stream === DEAD_STREAM) return `${dead} ${letters === 1 ? "is" : "are"} ${fate}`;
  const waited = waitedThere(events, fate);
  return stream === EVENTS_STREAM || letters === 0 ? waited : `${waited}, ${dead} too`;
}

function waitedThere(events: number | undefined, fate: string): string {
  if (events === undefined)
    return `the acknowledged events that were pending there are ${fate}, and could not be counted`;
  if (events === 0) return "no event was pending there";
  return `at least ${counted(events, "acknowledged event")} that ${events === 1 ? "was" : "were"} pending there ${events === 1 ? "is" : "are"} ${fate}`;
}
