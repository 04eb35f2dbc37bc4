import type { NatsConnection } from "@nats-io/nats-core";
import { TRY_SUBJECT } from "../../log/schema/subjects.ts";
import { relayToken, type RelayState } from "../relay-state.ts";

/** What a relay did about a wish not to wait. `coordinator`: it asks the coordinator now. `nothing`: neither the session nor the gate waits for a time. */
export type TryAnswer = { tried: "session" | "coordinator" | "nothing" };

/** A relay that takes longer is left out. */
const PATIENCE_MS = 1000;

/**
 * Asks relays not to wait for the next try of a session, or without one for the next probe of the coordinator. Resolves to the best that one of them
 * did. Never throws: a relay that does not answer did nothing.
 */
export async function tryNow(
  nc: NatsConnection,
  relays: readonly Pick<RelayState, "relay" | "instance">[],
  session?: string,
): Promise<TryAnswer["tried"]> {
  const question = JSON.stringify({ v: 1, ...(session === undefined ? {} : { session }) });
  const answers = await Promise.all(
    relays.map(async (relay) => {
      try {
        const subject = `${TRY_SUBJECT}.${relayToken(relay)}`;
        return (await nc.request(subject, question, { timeout: PATIENCE_MS })).json<TryAnswer>().tried;
      } catch {
        return "nothing";
      }
    }),
  );
  if (answers.includes("session")) return "session";
  return answers.includes("coordinator") ? "coordinator" : "nothing";
}
