import { randomBytes } from "node:crypto";
import type { Msg, NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../base/clock.ts";
import { codedError } from "../../base/errors.ts";
import { createPlaces } from "./places.ts";
import { readEvent, SESSIONS_LOG, type ReadEvent, type Store } from "./stored-event.ts";

export type Page = {
  events: ReadEvent[];
  /** True if the copy that answered has more. */
  more: boolean;
  /** How many more that is, if the broker said so. */
  left: number;
};

export type Pages = {
  /** Events that match `filter` from a sequence on, `most` of them or as many as a page has. Rejects with `log_unreachable` if the answer does not arrive whole. */
  read(filter: string, from: number, most?: number): Promise<Page>;
  close(): void;
};

/** A page is no longer than this, so that a watcher that stops reading costs no more. */
const PAGE_EVENTS = 200;
const PAGE_BYTES: number = 1024 * 1024;
/** Pages that are read at the same time in a process. The broker looks through its index for each. */
const AT_ONCE = 16;
/** Longest silence of the broker within a page. */
const SILENCE_MS = 2000;

const END_OF_PAGE = 204;

/**
 * Reads pages by direct gets with one inbox for all: the client's own way keeps a subscription for 5 s after each. `inboxPrefix` is the one of the connection's user.
 */
export function createPages(deps: {
  nc: NatsConnection;
  clock: Clock;
  inboxPrefix: string;
  store?: Store;
}): Pages {
  const { nc, clock, store = SESSIONS_LOG } = deps;
  const inbox = `${deps.inboxPrefix}.${randomBytes(12).toString("hex")}`;
  const open = new Map<string, (message: Msg) => void>();
  const places = createPlaces(AT_ONCE);
  let pages = 0;
  const subscription = nc.subscribe(`${inbox}.*`, {
    callback: (_, message) => open.get(message.subject)?.(message),
  });

  function request(filter: string, from: number, most: number): Promise<Page> {
    const reply = `${inbox}.${pages++}`;
    const events: ReadEvent[] = [];
    return new Promise<Page>((resolve, reject) => {
      let cancel = (): void => undefined;
      const end = (): void => {
        cancel();
        open.delete(reply);
      };
      const late = (): void => {
        end();
        reject(codedError("log_unreachable", `no page of the log of sessions within ${SILENCE_MS} ms`));
      };
      cancel = clock.after(SILENCE_MS, late);
      open.set(reply, (message) => {
        const event = readEvent(store, message.headers, message.data);
        if (event !== undefined) {
          events.push(event);
          cancel();
          cancel = clock.after(SILENCE_MS, late);
          return;
        }
        end();
        const code = message.headers?.code ?? 0;
        const left = Number(message.headers?.get("Nats-Num-Pending"));
        if (code === END_OF_PAGE) resolve({ events, more: left > 0, left });
        else if (code === 404) resolve({ events, more: false, left: 0 });
        else reject(codedError("log_unreachable", `the log of sessions answers ${code}`));
      });
      const ask = { seq: from, next_by_subj: filter, batch: most, max_bytes: PAGE_BYTES };
      try {
        nc.publish(`$JS.API.DIRECT.GET.${store.stream}`, JSON.stringify(ask), { reply });
      } catch (error) {
        end();
        reject(error);
      }
    });
  }

  return {
    read: (filter, from, most = PAGE_EVENTS) => places.run(() => request(filter, from, most)),
    close: () => subscription.unsubscribe(),
  };
}
