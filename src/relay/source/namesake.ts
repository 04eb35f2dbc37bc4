import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { PRESENCE_SUBJECT } from "../../shared/log/schema/subjects.ts";
import { HERE } from "./roll.ts";

/** A relay's process, as its beats name it. */
type Process = {
  /** When it began, wall time. */
  since: number;
  /** Random. */
  instance: string;
};

/** A relay that is started again and again is named this often. */
const SAID_MS = 60_000;
/** Header of a beat, with the process that says it. Relays of before send none. */
const PROCESS_HEADER = "Rr-Process";

function encodeProcess({ since, instance }: Process): string {
  return `${Math.trunc(since)} ${instance}`;
}

/** Undefined for anything else than {@link encodeProcess} writes. Pure. */
function decodeProcess(text: string): Process | undefined {
  const [, since, instance] = /^(\d{1,15}) ([0-9a-z]{1,40})$/.exec(text) ?? [];
  return instance === undefined ? undefined : { since: Number(since), instance };
}

/**
 * Two relays with one name: gateways and operators take them for one, so that one of them has to go. The one that began first stays, because it
 * has the shards; which one that is, both find by the same rule. Pure.
 */
function givesWay(own: Process, other: Process): boolean {
  if (own.since !== other.since) return own.since > other.since;
  return own.instance > other.instance;
}

/** Says that this relay is there, and finds others that have its name by what they say. */
export function watchNamesakes({
  nc,
  clock,
  log,
  relay,
  instance,
  giveWay,
}: {
  nc: Pick<NatsConnection, "publish">;
  clock: Clock;
  log: Logger;
  relay: string;
  /** Random name of this process. */
  instance: string;
  /** Another relay has the name, and was there first. */
  giveWay: () => void;
}): { say(): void; heard(head: MsgHdrs | undefined): void } {
  const me: Process = { since: clock.wall(), instance };
  const own = headers();
  own.set(PROCESS_HEADER, encodeProcess(me));
  let saidAt = -Infinity;
  const say = (): void => nc.publish(`${PRESENCE_SUBJECT}.${relay}`, HERE, { headers: own });
  return {
    say,
    heard(head) {
      const other = decodeProcess(head?.get(PROCESS_HEADER) ?? "");
      if (other === undefined || other.instance === instance) return;
      if (givesWay(me, other)) return giveWay();
      say(); // at once, so that the other one goes before it says more
      if (clock.now() - saidAt < SAID_MS) return;
      saidAt = clock.now();
      log.error(
        { code: "relay_name_taken", name: relay },
        "another relay has the name of this one, and gives way: each needs a name of its own",
      );
    },
  };
}
