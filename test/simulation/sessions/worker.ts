import { jetstreamManager } from "@nats-io/jetstream";
import type { Clock } from "../../../src/shared/base/clock.ts";
import { rest } from "../../../src/shared/base/rest.ts";
import { createOwnerWriter } from "../../../src/shared/session-log/append/owner-writer.ts";
import { acquireLease } from "../../../src/shared/session-log/ownership/lease.ts";
import { createLeaseWatch } from "../../../src/shared/session-log/ownership/lease-watch.ts";
import { createPages } from "../../../src/shared/session-log/follow/pages.ts";
import { SESSION_STATE } from "../../../src/shared/session-log/follow/stored-event.ts";
import { ownerFilter } from "../../../src/shared/session-log/subjects.ts";
import { SESSIONS_STREAM } from "../../../src/shared/session-log/topology.ts";
import { WORKER_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import type { SimBroker } from "../broker/broker.ts";
import { SimConnection } from "../broker/connection.ts";
import type { SimProcess } from "../schedule.ts";

/** What a worker wrote, as it lies in the log. */
export type Said = { worker: string; term: number; n: number };
/** An append that the broker confirmed. */
export type Confirmed = Said & { session: string; seq: number };

const LOOK_MS = 250;

/** A worker's process: the real lease, lease watch and owner's writer, with an agent that talks all the time. */
export class SimWorker {
  readonly process: SimProcess;
  readonly connection: SimConnection;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly confirmed: Confirmed[] = [];
  /** Sessions that it took over so far. */
  takeovers = 0;
  readonly #signal = new AbortController().signal;

  constructor(
    broker: SimBroker,
    clock: Clock,
    random: () => number,
    number: number,
    sessions: readonly string[],
  ) {
    this.process = { name: `worker ${number}`, alive: true, stoppedUntil: 0 };
    this.connection = new SimConnection(broker, this.process, WORKER_INBOX);
    this.#clock = clock;
    this.#random = random;
    broker.schedule.after(1, () => void this.#run(sessions), this.process);
  }

  async #run(sessions: readonly string[]): Promise<void> {
    const nc = this.connection.asConnection();
    const clock = this.#clock;
    const keys = createPages({ nc, clock, inboxPrefix: WORKER_INBOX, store: SESSION_STATE });
    const leases = createLeaseWatch({ keys, clock });
    const owned = new Set<string>();
    for (;;) {
      await leases.look().catch(() => undefined);
      for (const session of sessions) {
        if (owned.has(session)) continue;
        owned.add(session);
        void this.#own(session, leases.seen(session))
          .catch(() => undefined) // the broker went away; it is tried again
          .finally(() => owned.delete(session));
      }
      await rest(clock, LOOK_MS * (0.5 + this.#random()), this.#signal);
    }
  }

  async #own(session: string, seen: Parameters<typeof acquireLease>[3]): Promise<void> {
    const nc = this.connection.asConnection();
    const clock = this.#clock;
    const signal = this.#signal;
    const jsm = await jetstreamManager(nc, { checkAPI: false });
    const random = (): string => this.#random().toString(36);
    const lease = await acquireLease({ nc, jsm, clock, random, signal }, session, this.process.name, seen);
    if (lease === undefined) return;
    this.takeovers++;
    const newest = await jsm.streams.getMessage(SESSIONS_STREAM, { last_by_subj: ownerFilter(session) });
    const deps = { nc, jsm, clock, signal, room: () => Infinity };
    const writer = createOwnerWriter({ ...deps, session, last: newest?.seq ?? 0 });
    for (let n = 0; !lease.lost.aborted && n < 200; n++) {
      if (n === 1) await rest(clock, Math.max(0, lease.startAt - clock.now()), signal);
      const said: Said = { worker: this.process.name, term: lease.revision, n };
      const id = `${lease.revision}.${n}`;
      const data = Buffer.from(JSON.stringify(said));
      const put = await writer.append({ id, kind: n === 0 ? "owner" : "text", data });
      if (put.kind === "overtaken") break;
      if (put.kind === "stored") this.confirmed.push({ ...said, session, seq: put.seq });
      await rest(clock, 20 + 60 * this.#random(), signal);
    }
    await lease.release();
  }

  kill(): void {
    this.process.alive = false;
    this.connection.drop();
  }
}
