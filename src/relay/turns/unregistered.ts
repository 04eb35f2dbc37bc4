import type { Envelope } from "../../shared/log/schema/envelope.ts";
import type { Gate } from "../coordinator/gate.ts";
import type { Entry, Lane, TurnOutcome } from "../lanes/index.ts";
import type { Bury } from "./burial.ts";

/** Decides about a report whose runner the coordinator does not know. `forMs`: since it said so first, of its time here; `tried`: it took the registration. */
export type Homecomings = (report: {
  session: string;
  body: Uint8Array;
  forMs: number;
  tried: boolean;
}) => Promise<
  { kind: "again" } | { kind: "wait"; afterMs: number; reason: string } | { kind: "dead"; reason: string }
>;

export type Unregistered = (lane: Lane, entry: Entry, envelope: Envelope) => Promise<TurnOutcome>;

/**
 * The runner is registered again, and the report sent at once; if that does not help in time, it is a dead letter. No poison policy applies: nothing is wrong
 * with the event, and its session is to go on.
 */
export function createUnregistered(deps: {
  gate: Pick<Gate, "upMs">;
  homecoming: Homecomings;
  bury: Bury;
}): Unregistered {
  const { gate } = deps;
  return async function unregistered(lane, entry, envelope) {
    const seen = (entry.unregistered ??= { since: gate.upMs(), again: false });
    const { session, body } = envelope;
    const home = await deps.homecoming({ session, body, forMs: gate.upMs() - seen.since, tried: seen.again });
    switch (home.kind) {
      case "again":
        seen.again = true;
        return { kind: "again" };
      case "wait":
        return { kind: "retry", reason: home.reason, afterMs: home.afterMs, counts: false };
      case "dead": {
        const { reason } = home;
        const attempts = lane.attempts + 1;
        return deps.bury(entry, envelope, { reason, status: 401, attempts, decided: true });
      }
    }
  };
}
