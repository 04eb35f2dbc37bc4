import { JetStreamError, type JetStreamManager, type StoredMsg } from "@nats-io/jetstream";
import { deadFilter, letterOf, type DeadLetter } from "../../shared/log/state/dead-letters.ts";
import { DEAD_STREAM } from "../../shared/log/schema/topology.ts";

/** Without its body, which may hold 4 MiB. */
export type LetterFacts = Omit<DeadLetter, "payload">;

/** Newest first. Cursors are sequences of the stream of dead letters. */
export type LetterPage = {
  letters: LetterFacts[];
  /** How many match in all. */
  total: number;
  /** Ask with `before` this for the older ones; undefined: there are none. */
  older?: number;
  /** Ask with `before` this for the newer ones; `null`: ask without a cursor. Undefined: there are none. */
  newer?: number | null;
};

/** Bytes of one page's payloads: a letter can hold 4 MiB. */
const PAGE_BYTES: number = 8 * 1024 * 1024;

/**
 * One page of dead letters, of one session if it is named, older than the sequence `before`. The broker can only read upwards, but it tells how
 * many follow: the page's first letter is found by halving, so that a page costs about twenty small questions whether a hundred
 * letters lie there or a hundred thousand.
 */
export async function readLetterPage(
  jsm: JetStreamManager,
  options: { session?: string; before?: number; size: number },
): Promise<LetterPage> {
  const { session, before = Infinity, size } = options;
  const filter = deadFilter(session);
  const { first_seq: first, last_seq: last } = (await jsm.streams.info(DEAD_STREAM)).state;

  /** How many match from a sequence on. */
  const countFrom = async (seq: number): Promise<number> => {
    if (seq > last) return 0;
    for await (const message of read(jsm, filter, seq, 1)) return message.pending + 1;
    return 0;
  };
  /** The highest sequence from which at least `count` match; that of the first one if there are fewer. */
  const highest = async (count: number): Promise<number> => {
    let [low, high] = [Math.max(1, first), last + 1];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if ((await countFrom(middle)) >= count) low = middle;
      else high = middle;
    }
    return low;
  };

  const total = await countFrom(1);
  const after = before > last ? 0 : await countFrom(before);
  const here = Math.min(size, total - after);
  if (here <= 0) return { letters: [], total, ...(after > 0 ? { newer: null } : {}) };
  const start = await highest(after + here);
  const letters: LetterFacts[] = [];
  for (let seq = start; letters.length < here;) {
    const from = seq;
    for await (const message of read(jsm, filter, from, here - letters.length)) {
      seq = message.seq + 1;
      const letter = letterOf(message);
      if (letter !== undefined) letters.unshift(withoutBody(letter));
    }
    if (seq === from) break; // some were taken away meanwhile
  }
  const page: LetterPage = { letters, total };
  const oldest = letters.at(-1);
  if (oldest !== undefined && total > after + here) page.older = oldest.seq;
  if (after > 0) page.newer = after <= size ? null : await highest(after - size);
  return page;
}

/** A letter without its event, which may hold 4 MiB. Pure. */
export function withoutBody(letter: DeadLetter): LetterFacts {
  const facts: LetterFacts & { payload?: Uint8Array } = { ...letter };
  delete facts.payload;
  return facts;
}

/** Fewer than `batch` also where their bytes are many. */
async function* read(
  jsm: JetStreamManager,
  filter: string,
  seq: number,
  batch: number,
): AsyncGenerator<StoredMsg> {
  try {
    yield* await jsm.direct.getBatch(DEAD_STREAM, {
      seq: Math.max(1, seq),
      next_by_subj: filter,
      batch,
      max_bytes: PAGE_BYTES,
    });
  } catch (error) {
    if (!(error instanceof JetStreamError && "code" in error && error.code === 404)) throw error;
  }
}
