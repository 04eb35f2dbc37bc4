import { setTimeout as delay } from "node:timers/promises";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { HEARING_MS, hearRelays } from "../shared/messages/hearing.ts";
import { askViews, lanesOf } from "../shared/messages/standing/ask-views.ts";
import {
  standingOf,
  type SessionSources,
  type SessionStanding,
} from "../shared/messages/standing/session-standing.ts";
import type { RelayState } from "../shared/messages/relay-state.ts";
import { countFrom } from "../shared/messages/status/backlog.ts";
import { decodeControl } from "../shared/log/state/control.ts";
import { heldUnder } from "../shared/log/state/held.ts";
import { readShardCount } from "../shared/log/state/read-shard-count.ts";
import { readState } from "../shared/log/state/state-store.ts";
import { sessionFilter } from "../shared/log/schema/subjects.ts";
import { sessionToken } from "../shared/log/schema/session-id.ts";
import { stateKey } from "../shared/log/schema/topology.ts";

type Deps = { nc: NatsConnection; jsm: JetStreamManager };

/** How one session stands, asked of relays and of the broker whenever it is read. */
export type SessionWatch = {
  /** The relays that are heard. */
  relays(): readonly RelayState[];
  /** Undefined if nothing is known of the session. */
  read(): Promise<SessionStanding | undefined>;
  stop(): void;
};

/** Begins to watch a session. It takes as long as it takes to hear every relay. */
export async function watchSession(deps: Deps, session: string): Promise<SessionWatch> {
  const { nc } = deps;
  const hearing = hearRelays(nc);
  await delay(HEARING_MS);
  return {
    relays: () => hearing.now(),
    async read() {
      const [views, stored] = await Promise.all([
        askViews(nc, hearing.now(), { most: 1, session }),
        storedOf(deps, session),
      ]);
      return standingOf(session, { ...lanesOf(views), ...stored });
    },
    stop: () => hearing.stop(),
  };
}

/** How one session stands now. Undefined if nothing is known of it. */
export async function readStanding(deps: Deps, session: string): Promise<SessionStanding | undefined> {
  const watch = await watchSession(deps, session);
  try {
    return await watch.read();
  } finally {
    watch.stop();
  }
}

async function storedOf(
  { jsm }: Deps,
  session: string,
): Promise<Pick<SessionSources, "shardCount" | "held" | "wishes">> {
  const token = sessionToken(session);
  const [pointer, wish, shardCount] = await Promise.all([
    readState(jsm, stateKey.held(token)),
    readState(jsm, stateKey.control(token)),
    readShardCount(jsm),
  ]);
  const record = pointer && heldUnder(stateKey.held(token), pointer);
  const control = wish && decodeControl(wish.value);
  const filter = sessionFilter(session, shardCount);
  return {
    shardCount,
    held: record === undefined ? [] : [{ ...record, events: await countFrom(jsm, filter, record.from) }],
    wishes: control === undefined ? [] : [control],
  };
}
