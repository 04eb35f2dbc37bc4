import { readShardCount } from "./read-shard-count.ts";
import type { JetStreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/nats-core";
import { codedError } from "../../base/errors.ts";
import { readAck } from "../append/ack.ts";
import { ENVELOPE_TYPE, HEADER } from "../../base/headers.ts";
import { eventSubject } from "../schema/subjects.ts";
import { DEAD_STREAM } from "../schema/topology.ts";
import { readDeadLetter, type DeadLetter } from "./dead-letters.ts";
import type { RedrivePlan } from "./redrive-plan.ts";
import { MOST_AT_ONCE, removing } from "./removals.ts";

type Deps = { nc: NatsConnection; jsm: JetStreamManager };

/** What the message ids of an event's redrives begin with. */
export function redriveIdPrefix(eventId: string): string {
  return `redrive-${eventId}-`;
}

/**
 * Puts a dead letter's event into the log again and removes the letter. `older` are the sequences of the event's earlier letters. They are removed in the same
 * step and not earlier, because they say where the event was first. The letter itself is removed last, and by its own sequence, so that a letter of the new
 * attempt stays. Returns the sequence in the log.
 */
export async function redrive(
  deps: Deps,
  letter: DeadLetter,
  older: readonly number[] = [],
): Promise<number> {
  return removing(deps, older.length + 1, async (remove) => {
    const at = await putBack(deps, letter);
    for (const seq of [...older, letter.seq]) await remove(seq);
    return at;
  });
}

/** Redrives the letters of a plan in its order, as long as `goesOn` says. Letters that somebody else was faster with are passed over. Returns how many. */
export async function redriveAll(
  deps: Deps,
  { send, drop }: RedrivePlan,
  {
    redriven = () => undefined,
    goesOn = () => true,
  }: { redriven?: (letter: DeadLetter, at: number) => void; goesOn?: () => boolean } = {},
): Promise<number> {
  const older = Map.groupBy(drop, ({ id }) => id);
  let count = 0;
  for (let i = 0; i < send.length && goesOn(); i += MOST_AT_ONCE) {
    const some = send.slice(i, i + MOST_AT_ONCE);
    const most = some.reduce((sum, { id }) => sum + 1 + (older.get(id)?.length ?? 0), 0);
    await removing(deps, most, async (remove) => {
      for (const { id, seq } of some) {
        if (!goesOn()) return;
        const letter = await readDeadLetter(deps.jsm, seq);
        if (letter === undefined) continue;
        const at = await putBack(deps, letter);
        for (const it of older.get(id) ?? []) await remove(it.seq);
        await remove(seq);
        count++;
        redriven(letter, at);
      }
    });
  }
  return count;
}

/**
 * The message id differs from the event's own, which the broker would recognize, and is the same for every try with this letter, so that a second try after a
 * crash does not send the event twice within the broker's window. The coordinator gets the event id as its key, as before (docs/contract.md, "Idempotency").
 */
async function putBack({ nc, jsm }: Deps, letter: DeadLetter): Promise<number> {
  const head = headers();
  head.set(HEADER.id, `${redriveIdPrefix(letter.id)}${letter.seq}`);
  head.set(HEADER.session, letter.session);
  head.set(HEADER.kind, letter.kind);
  head.set(HEADER.contentType, ENVELOPE_TYPE);
  head.set(HEADER.replayOf, `${DEAD_STREAM}:${letter.seq}`);
  const subject = eventSubject(
    letter.runner,
    letter.session,
    letter.kind,
    await readShardCount(jsm),
    "replay",
  );
  const reply = await nc.request(subject, letter.payload, { headers: head, timeout: 5000 });
  const ack = readAck(reply.string());
  if (ack.kind !== "stored") throw codedError("log_refused", `${letter.id}: ${ack.detail}`);
  return ack.seq;
}
