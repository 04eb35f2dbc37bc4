import type { Clock } from "../shared/base/clock.ts";
import { createOwnerWriter } from "../shared/session-log/append/owner-writer.ts";
import type { Put, PutDeps } from "../shared/session-log/append/put.ts";
import { TRANSCRIPT } from "../shared/session-log/event/kinds.ts";
import { encodeSessionEnvelope } from "../shared/session-log/event/session-envelope.ts";
import { EVENT_DATA } from "../shared/session-log/event/session-event.ts";

/** What the owner of a session says, numbered without a gap. */
export type Voice = {
  /** Resolves when it is in the log, or never will be. Events are stored in the order of the calls. */
  say(kind: string, data: Record<string, unknown>, turn?: string): Promise<Put>;
  /** Place of the newest one. */
  last(): number;
};

/** Speaks in a session in the term `epoch`, behind the owner's event `out`. */
export function createVoice(
  deps: PutDeps & { clock: Clock },
  place: { session: { name: string; id: string }; epoch: number; out: { seq: number; n: number } },
): Voice {
  const { session, epoch } = place;
  let { n } = place.out;
  let hidden = 0;
  const writer = createOwnerWriter({ ...deps, session: session.name, last: place.out.seq });
  let before: Promise<unknown> = Promise.resolve();

  async function append(kind: string, data: Record<string, unknown>, turn?: string): Promise<Put> {
    // clients see numbers without a gap, so that what they do not see has the number of the event before it
    const shown = kind !== TRANSCRIPT;
    const number = shown ? n + 1 : n;
    const id = shown ? `${epoch}-${number}` : `${epoch}-${number}-${++hidden}`; // a number that was refused is used again
    const envelope = { id, source: "worker" as const, kind, session: session.id, epoch, n: number };
    const whole = {
      ...envelope,
      ...(turn === undefined ? {} : { turn }),
      at: deps.clock.wall(),
      body: bodyOf(data),
    };
    const put = await writer.append({ id, kind, data: encodeSessionEnvelope(whole) });
    if (put.kind === "stored") n = number;
    return put;
  }

  return {
    say(kind, data, turn) {
      const said = before.then(() => append(kind, data, turn));
      before = said.catch(() => undefined);
      return said;
    },
    last: () => writer.last(),
  };
}

/** The data of an event as JSON. What is too large to be shown is named instead. */
function bodyOf(data: Record<string, unknown>): Uint8Array {
  const bytes = Buffer.from(JSON.stringify(data));
  if (bytes.length <= EVENT_DATA.bytes) return bytes;
  return Buffer.from(JSON.stringify({ truncated: true, bytes: bytes.length }));
}
