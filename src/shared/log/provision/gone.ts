import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { ownCommand } from "../../base/own-command.ts";
import { recordDamage, type Damage } from "../state/damage.ts";
import { codedError, type CodedError } from "../../base/errors.ts";
import type { LogCheck } from "../state/log-check.ts";
import { decodeMark } from "../state/log-mark.ts";
import { readState } from "../state/state-store.ts";
import { stateKey } from "../schema/topology.ts";

/** The log as it is remembered. Nothing is remembered of a log that was never written to, so it can be made anew. */
export type RememberedLog = { created: string; seq: number; waiting: [session: string, events: number][] };

/** Undefined if no log is remembered that held anything. */
export async function rememberedLog(jsm: JetStreamManager): Promise<RememberedLog | undefined> {
  const stored = await readState(jsm, stateKey.mark);
  if (stored === undefined) return undefined;
  const { created, seq, waiting = [] } = decodeMark(stored.value);
  return seq === 0 ? undefined : { created, seq, waiting };
}

/** The error for a log that is gone. It is not made anew without being asked: its folder may still exist, and a new log in its place would make it harder to restore. */
export function goneError({ created, seq, waiting }: RememberedLog, now: string): CodedError {
  const events = waiting.reduce((sum, [, count]) => sum + count, 0);
  const left =
    events === 0 ? "" : `, at least ${events} of them of ${waiting.length} sessions not yet delivered`;
  return codedError(
    "log_gone",
    `the log made ${created} held events up to ${seq}${left}, and ${now}. Put its folder or a backup back; or begin anew without it: \`${ownCommand("provision", "--from", "first")}\`, or \`up\` as before with \`--from first\``,
  );
}

/** Records the loss when the operator continues without the old log. Undefined if the log that is there now, a restored one, holds everything that is remembered. */
export async function noteGone(
  { nc, wall }: { nc: NatsConnection; wall: () => number },
  before: RememberedLog,
  { log }: Pick<LogCheck, "log">,
): Promise<Damage | undefined> {
  const kept = log.state.messages === 0 ? 0 : log.state.last_seq;
  if (before.created === log.created || kept >= before.seq) return undefined;
  const damage: Damage = {
    v: 1,
    id: `${Date.parse(before.created)}-gone-${before.seq}`,
    code: "log_gone",
    at: wall(),
    missing: before.seq - kept,
    ranges: [[kept + 1, before.seq]],
    settled: 0,
    sessions: kept === 0 ? before.waiting : [],
  };
  await recordDamage(nc, damage);
  return damage;
}
