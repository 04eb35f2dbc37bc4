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
import { countFrom } from "../shared/messages/status/backlog.ts";
import { decodeControl } from "../shared/log/state/control.ts";
import { heldUnder } from "../shared/log/state/held.ts";
import { readState } from "../shared/log/state/state-store.ts";
import { sessionToken } from "../shared/log/schema/session-id.ts";
import { stateKey } from "../shared/log/schema/topology.ts";

type Deps = { nc: NatsConnection; jsm: JetStreamManager };

/** How one session stands, asked of relays and of the broker. It takes as long as it takes to hear every relay. Undefined if nothing is known of it. */
export async function readStanding(deps: Deps, session: string): Promise<SessionStanding | undefined> {
  const [lanes, stored] = await Promise.all([lanesOfSession(deps, session), storedOf(deps, session)]);
  return standingOf(session, { ...lanes, ...stored });
}

async function lanesOfSession(
  { nc }: Deps,
  session: string,
): Promise<Pick<SessionSources, "lanes" | "moreLanes">> {
  const hearing = hearRelays(nc);
  try {
    await delay(HEARING_MS);
    return lanesOf(await askViews(nc, hearing.now(), { most: 1, session }));
  } finally {
    hearing.stop();
  }
}

async function storedOf({ jsm }: Deps, session: string): Promise<Pick<SessionSources, "held" | "wishes">> {
  const token = sessionToken(session);
  const [pointer, wish] = await Promise.all([
    readState(jsm, stateKey.held(token)),
    readState(jsm, stateKey.control(token)),
  ]);
  const record = pointer && heldUnder(stateKey.held(token), pointer);
  const control = wish && decodeControl(wish.value);
  return {
    held: record === undefined ? [] : [{ ...record, events: await countFrom(jsm, session, record.from) }],
    wishes: control === undefined ? [] : [control],
  };
}
