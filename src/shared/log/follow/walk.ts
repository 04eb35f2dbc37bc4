import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";
import { readPage } from "./page.ts";

/**
 * Messages asked for at once, and their most bytes. With each page the broker counts what follows, with the store held: up to 60 ms in the middle
 * of a log of a million events (measured), so that large pages read a whole log faster.
 */
const PAGE = 1000;
const PAGE_BYTES: number = 8 * 1024 * 1024;

/**
 * Every message of a stream that matches a subject filter, upwards from a sequence, by direct gets: no consumer is needed, and no reader's
 * place in the log moves. The copy that answers may lag behind, so that the end is not proven. What is written meanwhile is met at the end. A small page is enough for a caller that looks for the first few only.
 */
export async function* walk(
  jsm: JetStreamManager,
  stream: string,
  filter: string,
  from = 1,
  pageSize: number = PAGE,
): AsyncGenerator<StoredMsg> {
  for (let seq = from; ;) {
    const query = { seq, next_by_subj: filter, batch: pageSize, max_bytes: PAGE_BYTES };
    const page = await readPage(jsm, stream, query);
    if (page.length === 0) return;
    for (const message of page) {
      seq = message.seq + 1;
      yield message;
    }
  }
}

/**
 * As {@link walk}, by a request for each message: about 0.2 ms, and nothing is counted or read ahead. For callers that read a long stretch slowly
 * beside live writes, where a page's counting every now and then is what the writes would wait for.
 */
export async function* walkOneByOne(
  jsm: JetStreamManager,
  stream: string,
  filter: string,
  from = 1,
): AsyncGenerator<StoredMsg> {
  for (let seq = from; ;) {
    const message = await jsm.direct.getMessage(stream, { seq, next_by_subj: filter });
    if (message === null) return;
    seq = message.seq + 1;
    yield message;
  }
}
