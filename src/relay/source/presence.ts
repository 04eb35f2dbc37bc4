import type { Msg, NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { PRESENCE_SUBJECT } from "../../shared/log/schema/subjects.ts";
import { PRIORITY_TIMEOUT_MS } from "../../shared/log/schema/topology.ts";
import { watchNamesakes } from "./namesake.ts";
import { createRoll } from "./roll.ts";
import type { Shard } from "./shard.ts";

// roll.ts knows which relays are there · shares.ts says which of them should serve what · namesake.ts says which of two with one name stays ·
// here they say so to each other, and give shards away

const BEAT_MS = 500;
/** Last part of the subject on which a relay says which shard it gives to whom. */
const GIVES = "gives";
/** A relay that stood aside for another one comes back as its stand-by after the pin could have settled. */
const RETURN_MS: number = PRIORITY_TIMEOUT_MS + 500;

type Shared = Pick<Shard, "shard" | "start" | "stop" | "status">;

export type PresenceDeps = {
  nc: Pick<NatsConnection, "publish" | "subscribe" | "isClosed">;
  clock: Clock;
  log: Logger;
  relay: string;
  /** Random name of this process. */
  instance: string;
  shards: readonly Shared[];
  /** A relay with this one's name runs, and was there first. Nothing is said or given after this. */
  giveWay: () => void;
};

export type Presence = {
  start(): void;
  /** Does another relay run that publishes no briefs? */
  wholeOnly: () => boolean;
  /** Hands every shard over. */
  stop(): Promise<void>;
};

/** What a relay does with shards that others should have. */
type Giving = {
  /** Gives away what others should have now, and stands aside where the owner is another one than before. */
  balance(owners: readonly string[]): void;
  /** Another relay gives a shard away. */
  given(shard: number, to: string): void;
};

/**
 * The broker gives a free shard to any relay that waits for it. So all but the one that should have it stand aside for a while when a shard is to change hands; otherwise it
 * would go from one wrong relay to the next, each with a takeover, until chance finds the right one. After that they wait again: a relay that does not take what it should
 * have keeps nobody from it for long.
 */
function createGiving(
  { nc, clock, log, relay, shards }: Omit<PresenceDeps, "instance" | "giveWay">,
  works: () => boolean,
): Giving {
  let before: readonly string[] = [];

  /** Stops consuming a shard, and waits for it again a little later. */
  async function leave(shard: Shared, unpin: boolean): Promise<void> {
    await shard.stop(unpin);
    clock.after(RETURN_MS, () => {
      if (works()) shard.start();
    });
  }

  function handOver(shard: Shared, to: string): void {
    log.info({ shard: shard.shard, to }, "handed over a shard");
    nc.publish(`${PRESENCE_SUBJECT}.${relay}.${GIVES}`, `${shard.shard} ${to}`);
    void leave(shard, true);
  }

  return {
    balance(owners) {
      for (const shard of shards) {
        const owner = owners[shard.shard] ?? relay;
        const changed = before[shard.shard] !== owner;
        const { phase } = shard.status();
        if (owner === relay) {
          if (changed) shard.start(); // it may stand aside for another relay, which is gone
        } else if (phase === "active") handOver(shard, owner);
        else if (changed && phase === "waiting") void leave(shard, false);
      }
      before = owners;
    },
    given(number, to) {
      const shard = shards[number];
      if (shard === undefined) return;
      if (to === relay) shard.start();
      else if (shard.status().phase === "waiting") void leave(shard, false);
    },
  };
}

/** Balances shards over relays: each one says that it is there, and hands over shards that another one should serve. */
export function createPresence(deps: PresenceDeps): Presence {
  const { nc, clock, relay, shards } = deps;
  let running = false;
  const roll = createRoll({ clock, relay, shardCount: shards.length });
  /** A connection that was closed for good takes no subscription of a shard that comes back. */
  const works = (): boolean => running && !nc.isClosed();
  const giving = createGiving(deps, works);
  const letGo = (): Promise<unknown> => Promise.all(shards.map((shard) => shard.stop(true)));

  function balance(): void {
    if (works()) giving.balance(roll.owners());
  }

  const namesakes = watchNamesakes({
    ...deps,
    giveWay() {
      running = false;
      void letGo().finally(deps.giveWay); // a shard that we got meanwhile would wait for its pin to end
    },
  });

  function onBeat(other: string, msg: Msg): void {
    if (other === relay) return works() ? namesakes.heard(msg.headers) : undefined;
    const says = msg.string();
    if (says === "bye") roll.left(other);
    else roll.heard(other, says);
    balance();
  }

  function onGift(text: string): void {
    const [, shard, to] = /^(\d{1,4}) ([\w=-]+)$/.exec(text) ?? [];
    if (works() && to !== undefined) giving.given(Number(shard), to);
  }

  const hear = (subject: string, heard: (msg: Msg) => void): { unsubscribe(): void } =>
    nc.subscribe(`${PRESENCE_SUBJECT}.${subject}`, {
      callback(error: Error | null, msg: Msg) {
        if (error === null) heard(msg);
      },
    });
  const beats = hear("*", (msg) => onBeat(msg.subject.slice(PRESENCE_SUBJECT.length + 1), msg));
  const gifts = hear(`*.${GIVES}`, (msg) => onGift(msg.string()));

  function beat(): void {
    if (!works()) return;
    namesakes.say();
    balance();
    clock.after(BEAT_MS, beat);
  }

  return {
    start() {
      running = true;
      for (const shard of shards) shard.start();
      beat();
    },
    wholeOnly: roll.wholeOnly,
    async stop() {
      running = false;
      await letGo();
      beats.unsubscribe();
      gifts.unsubscribe();
      if (!nc.isClosed()) nc.publish(`${PRESENCE_SUBJECT}.${relay}`, "bye");
    },
  };
}
