import type { JetStreamManager } from "@nats-io/jetstream";
import { deadLettersOf, type DeadLetter } from "../shared/log/state/dead-letters.ts";
import { readState } from "../shared/log/state/state-store.ts";
import { stateKey } from "../shared/log/schema/topology.ts";
import type { Settlement } from "./settlement.ts";

export const VERDICTS = ["pending", "delivered", "superseded", "dead"] as const;
export type VerdictName = (typeof VERDICTS)[number];

/** What became of one message of the log. A dead letter that an operator dropped or redrove leaves no trace: it counts as delivered. */
export type Became =
  | { verdict: "pending" | "delivered" }
  | { verdict: "superseded"; reason: string }
  | { verdict: "dead"; letter: DeadLetter };

/** Finds out from the broker alone: what is settled, then dead letters, then what was superseded. */
export async function becameOf(
  jsm: JetStreamManager,
  settled: Settlement,
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
