import { jetstreamManager } from "@nats-io/jetstream";
import type { Clock } from "../../../src/shared/base/clock.ts";
import { createLeader } from "../../../src/shared/session-log/follow/leader.ts";
import { openHub } from "../../../src/shared/session-log/follow/hub.ts";
import { createPages } from "../../../src/shared/session-log/follow/pages.ts";
import { watch } from "../../../src/shared/session-log/follow/watch.ts";
import { SERVE_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import type { SimBroker } from "../broker/broker.ts";
import { SimConnection } from "../broker/connection.ts";
import type { Lines } from "../lines.ts";
import type { SimProcess } from "../schedule.ts";

/** What one watcher was shown: sequences, and what is not expected without retention. */
export type Seen = { session: string; after: number; server: SimServer; seqs: number[]; odd: string[] };

type Ready = Parameters<typeof watch>[0];

/** A sessions server's process, as far as it follows the log: the real hub, pages, leader and watch. */
export class SimServer {
  readonly process: SimProcess;
  readonly connection: SimConnection;
  readonly #ready: Promise<Ready>;
  readonly #signal = new AbortController().signal;

  constructor(broker: SimBroker, clock: Clock, lines: Lines, number: number) {
    this.process = { name: `server ${number}`, alive: true, stoppedUntil: 0 };
    this.connection = new SimConnection(broker, this.process, SERVE_INBOX);
    const { promise, resolve } = Promise.withResolvers<Ready>();
    this.#ready = promise;
    const open = async (): Promise<void> => {
      const nc = this.connection.asConnection();
      const jsm = await jetstreamManager(nc, { checkAPI: false });
      const signal = this.#signal;
      const leader = createLeader({ jsm, clock, signal });
      const pages = createPages({ nc, clock, inboxPrefix: SERVE_INBOX });
      for (;;) {
        try {
          const hub = await openHub({ nc, pages, leader, clock, log: lines.logger, signal });
          return resolve({ hub, pages, leader, clock });
        } catch {
          await new Promise<void>((again) => void clock.after(200, again)); // the connection broke; its supervisor starts it again
        }
      }
    };
    broker.schedule.after(1, () => void open(), this.process);
  }

  /** Follows a session from a cursor on. */
  follow(session: string, after: number): Seen {
    const seen: Seen = { session, after, server: this, seqs: [], odd: [] };
    const go = async (): Promise<void> => {
      for await (const it of watch(await this.#ready, {
        session,
        after: { seq: after },
        signal: this.#signal,
      })) {
        if (it.kind === "event") seen.seqs.push(it.event.seq);
        else if (it.kind !== "caught_up") seen.odd.push(it.kind);
      }
    };
    this.connection.broker.schedule.after(0, () => void go(), this.process);
    return seen;
  }

  kill(): void {
    this.process.alive = false;
    this.connection.drop();
  }
}
