import type { JetStreamManager } from "@nats-io/jetstream";
import { deadLettersOf, type DeadLetter } from "./dead-letters.ts";
import { readState } from "./state-store.ts";
import { stateKey } from "../schema/topology.ts";
import type { IsSettled } from "./settlement.ts";

export const VERDICTS = ["pending", "delivered", "superseded", "dead"] as const;
export type VerdictName = (typeof VERDICTS)[number];

/** The state of one message of the log. A dead letter that an operator dropped or redrove leaves no trace, so its event counts as delivered. */
export type Became =
  | { verdict: "pending" | "delivered" }
  | { verdict: "superseded"; reason: string }
  | { verdict: "dead"; letter: DeadLetter };

/** Finds the state from the broker alone: settled sequences first, then dead letters, then superseded events. */
export async function becameOf(
  jsm: JetStreamManager,
  settled: IsSettled,
  event: { id: string; session: string; seq: number },
): Promise<Became> {
  if (!settled(event.session, event.seq)) return { verdict: "pending" };
  const letters = await deadLettersOf(jsm, event.id);
  const letter = letters.find(({ origSeq }) => origSeq === event.seq);
  if (letter !== undefined) return { verdict: "dead", letter };
  const superseded = await readState(jsm, stateKey.superseded(event.id));
  return superseded === undefined
    ? { verdict: "delivered" }
    : { verdict: "superseded", reason: new TextDecoder().decode(superseded.value) };
}
