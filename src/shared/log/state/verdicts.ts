import type { JetStreamManager } from "@nats-io/jetstream";
import { deadLettersOf, type DeadLetter } from "./dead-letters.ts";
import { readDropped } from "./dropped.ts";
import { readState } from "./state-store.ts";
import { stateKey } from "../schema/topology.ts";
import type { IsSettled } from "./settlement.ts";

export const VERDICTS = ["pending", "delivered", "superseded", "dead", "dropped"] as const;
export type VerdictName = (typeof VERDICTS)[number];

/** The state of one message of the log. A dead letter that an operator redrove leaves no trace, so this message of its event counts as delivered. */
export type Became =
  | { verdict: "pending" | "delivered" }
  | { verdict: "superseded" | "dropped"; reason: string }
  | { verdict: "dead"; letter: DeadLetter };

/** Finds the state from the broker alone: settled sequences first, then dead letters, then dropped and superseded events. */
export async function becameOf(
  jsm: JetStreamManager,
  settled: IsSettled,
  event: { id: string; session: string; seq: number },
): Promise<Became> {
  if (!settled(event.session, event.seq)) return { verdict: "pending" };
  const letters = await deadLettersOf(jsm, event.id);
  const letter = letters.find(({ origSeq }) => origSeq === event.seq);
  if (letter !== undefined) return { verdict: "dead", letter };
  const [dropped, superseded] = await Promise.all([
    readDropped(jsm, event.id, event.seq),
    readState(jsm, stateKey.superseded(event.id)),
  ]);
  if (dropped !== undefined) return { verdict: "dropped", reason: dropped };
  return superseded === undefined
    ? { verdict: "delivered" }
    : { verdict: "superseded", reason: new TextDecoder().decode(superseded.value) };
}
