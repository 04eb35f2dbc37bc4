import type { JetStreamManager } from "@nats-io/jetstream";
import type { Clock } from "../shared/base/clock.ts";
import type { Hub } from "../shared/session-log/follow/hub.ts";
import type { Pages } from "../shared/session-log/follow/pages.ts";
import { repeatedly } from "../shared/session-log/follow/repeatedly.ts";
import { createLeaseWatch, type SeenLease } from "../shared/session-log/ownership/lease-watch.ts";
import { isOver } from "../shared/session-log/ownership/lease.ts";
import { parseSessionSubject } from "../shared/session-log/subjects.ts";
import { unfinishedSessions } from "../shared/session-log/turns/unfinished.ts";

/** What is known of a session with a turn that nobody of this process runs. */
export type Sighting = {
  /** The last renewal of its lease, if that was seen. */
  seen: SeenLease | undefined;
  /** The worker is dead that renewed it. */
  dead: boolean;
  /** A client wants something of it just now. */
  called: boolean;
};

export type LookOutOptions = {
  /** Not to be looked at: this process has it, or leaves it alone for a while. */
  isKnown: (session: string) => boolean;
  want: (session: string, sighting: Sighting) => void;
};

/** How often is looked for turns that nobody runs: those of workers that died, and of sessions that were left just as a turn came. */
const LOOK_MS = 1000;
/** How often the leases of others are looked at that have such turns: a dead one is known that much later. */
const LEASES_MS = 250;

/** Calls `want` with sessions that have turns which nobody may run, as they come and again and again, until the returned function is called or `signal` comes. */
export function keepLookOut(
  deps: { jsm: JetStreamManager; keys: Pages; hub: Hub; clock: Clock; signal: AbortSignal },
  { isKnown, want }: LookOutOptions,
): () => void {
  const { jsm, hub, clock, signal } = deps;
  const leases = createLeaseWatch(deps);
  let unfinished: string[] = [];

  function sight(session: string, called = false): Sighting {
    const seen = leases.seen(session);
    return { seen, dead: seen !== undefined && isOver(seen, clock.now()), called };
  }

  async function look(): Promise<void> {
    // a broker that is away is asked again the next time
    unfinished = await unfinishedSessions(jsm).catch(() => []);
    await leases.look().catch(() => undefined); // so that it is known when a lease is over, also if the next turn of its session comes later
    for (const session of unfinished) if (!isKnown(session)) want(session, sight(session));
  }

  /** Takes the sessions of workers that died, as soon as their leases are over. */
  async function lookAtLeases(): Promise<void> {
    const others = unfinished.filter((session) => !isKnown(session));
    if (others.length === 0) return;
    await leases.look().catch(() => undefined);
    for (const session of others) {
      const sighting = sight(session);
      if (sighting.dead) want(session, sighting);
    }
  }

  const deafen = hub.hear(({ subject }) => {
    const address = parseSessionSubject(subject);
    if (address?.side === "in" && (address.kind === "turn" || address.kind === "cancel"))
      want(address.session, sight(address.session, true));
  });

  const rests = [
    repeatedly(look, { pauseMs: LOOK_MS, clock, signal }),
    repeatedly(lookAtLeases, { pauseMs: LEASES_MS, clock, signal }),
  ];
  return () => {
    deafen();
    for (const rest of rests) rest();
  };
}
