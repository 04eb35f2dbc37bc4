import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { shardOf } from "../../shared/log/schema/partition.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { stateKey } from "../../shared/log/schema/topology.ts";
import { deleteState, readState } from "../../shared/log/state/state-store.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { HeldSessions } from "./held-sessions.ts";
import type { Wish, Wishes } from "./wishes.ts";

/** No relay carries out a wish for a shard without an owner. If nothing of the session is held, any relay deletes the wish after this time. */
const ORPHAN_MS = 3000;

export type FulfilDeps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  dispatcher: Dispatcher;
  held: HeldSessions;
  wishes: Wishes;
  /** Shards of the log. */
  shardCount: number;
  /** Does this relay forward for the shard now? */
  owns: (shard: number) => boolean;
};

/**
 * Makes a function that carries out the wishes for sessions that are due at this relay, side by side. It throws the first failure once all are over;
 * what failed is tried again by the next call.
 */
export function createFulfil(deps: FulfilDeps): () => Promise<void> {
  const { nc, jsm, clock, dispatcher, held, wishes, shardCount, owns } = deps;
  const { ended } = wishes;

  async function keepPaused(token: string, { session, text }: Wish): Promise<void> {
    const reason = held.reason(token);
    if (reason !== undefined && reason !== "backlog") return;
    const lane =
      reason === undefined
        ? dispatcher.lane(token)
        : dispatcher.open(session, token, shardOf(session, shardCount));
    if (lane === undefined) return;
    dispatcher.halt(lane);
    await held.hold(lane, "paused", text);
  }

  /** The relay that has the shard carries it out. If no relay has it, a held session gives it an owner (shard.ts); any other session needs none. */
  async function resume(token: string, { session, skip, revision, seenAt }: Wish): Promise<void> {
    if (owns(shardOf(session, shardCount))) {
      await held.resume(token, skip);
      ended.delete(token); // or what is parked from here on would be resumed once more when the wish is gone
    } else if (clock.now() - seenAt < ORPHAN_MS) return;
    else if ((await readState(jsm, stateKey.held(token))) !== undefined) return;
    await deleteState(nc, stateKey.control(token), revision); // if it changed, that is read next
  }

  async function goOn(token: string): Promise<void> {
    await held.resume(token);
    ended.delete(token);
  }

  /** Works for sessions whose pause ended without a wish to resume. */
  function* goingOn(): Generator<Promise<void>> {
    for (const { record } of held.list())
      if (record.reason === "paused") ended.add(sessionToken(record.session));
    for (const token of ended) {
      const action = wishes.of(token)?.action;
      // a parked one waits for a wish of its own: it was parked after the pause, or would be but for the pause
      if (action === "pause" || held.reason(token) === "parked") ended.delete(token);
      else if (action === undefined) yield goOn(token);
    }
  }

  return async function fulfil() {
    const works: Promise<void>[] = [];
    for (const [token, wish] of wishes.all()) {
      if (wish.action === "resume") works.push(resume(token, wish));
      else if (owns(shardOf(wish.session, shardCount))) works.push(keepPaused(token, wish));
    }
    for (const work of goingOn()) works.push(work);
    const failed = (await Promise.allSettled(works)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  };
}
