import { JetStreamError, type JetStreamManager, type StoredMsg } from "@nats-io/jetstream";
import { errors } from "@nats-io/nats-core";
import { PATIENCE_MS } from "./patience.ts";

/** Between two messages of a page that has begun to come. */
const SILENCE_MS = 5000;

/** What a page holds at most, and which messages. */
export type PageQuery = { seq: number; next_by_subj: string; batch: number; max_bytes: number };

/**
 * The next messages of a stream by a direct get, any copy's; none if that copy has no more. A copy that does not answer is left for another one. Throws the
 * client's time-out if none answers, so that silence is never taken for the end.
 */
export async function readPage(
  jsm: JetStreamManager,
  stream: string,
  query: PageQuery,
): Promise<StoredMsg[]> {
  for (let attempt = 0; ; attempt++) {
    const page = await tryPage(jsm, stream, query, PATIENCE_MS[attempt] ?? SILENCE_MS);
    if (page !== undefined) return page;
    if (attempt + 1 >= PATIENCE_MS.length) throw new errors.TimeoutError();
  }
}

/** Undefined if nothing came in time, or the page broke off. */
async function tryPage(
  jsm: JetStreamManager,
  stream: string,
  query: PageQuery,
  firstMs: number,
): Promise<StoredMsg[] | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<StoredMsg[] | undefined>();
  const found: StoredMsg[] = [];
  let timer = setTimeout(() => resolve(undefined), firstMs);
  // by a callback, because only then does the client end its subscription
  const asked = await jsm.direct.getBatch(stream, {
    ...query,
    callback(done, message) {
      if (done === null) {
        found.push(message);
        clearTimeout(timer);
        timer = setTimeout(() => resolve(undefined), SILENCE_MS);
      } else if (done.err === undefined || isNoMessage(done.err)) resolve(found);
      else if (done.err instanceof errors.TimeoutError) resolve(undefined);
      else reject(done.err);
    },
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    asked.stop();
  }
}

function isNoMessage(error: unknown): boolean {
  return error instanceof JetStreamError && "code" in error && error.code === 404;
}
