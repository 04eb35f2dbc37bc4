import { JetStreamError, type JetStreamManager, type StoredMsg } from "@nats-io/jetstream";

/** Messages asked for at once, and their most bytes. */
const PAGE = 256;
const PAGE_BYTES: number = 8 * 1024 * 1024;

/**
 * Every message of a stream that matches a subject filter, upwards from a sequence, by direct gets: no consumer is needed, and nobody's
 * place in the log moves. What is written meanwhile is met at the end. A small page suits who looks for the first few only.
 */
export async function* walk(
  jsm: JetStreamManager,
  stream: string,
  filter: string,
  from = 1,
  pageSize: number = PAGE,
): AsyncGenerator<StoredMsg> {
  for (let seq = from; ;) {
    const first = seq;
    const page = await jsm.direct.getBatch(stream, {
      seq: first,
      next_by_subj: filter,
      batch: pageSize,
      max_bytes: PAGE_BYTES,
    });
    try {
      for await (const message of page) {
        seq = message.seq + 1;
        yield message;
      }
    } catch (error) {
      if (!isNoMessage(error)) throw error;
    }
    if (seq === first) return;
  }
}

function isNoMessage(error: unknown): boolean {
  return error instanceof JetStreamError && "code" in error && error.code === 404;
}
