import { eventSubject } from "../support/eight-shards.ts";
import { createStoring, type Storing } from "../../src/gateway/storing.ts";
import type { Clock } from "../../src/shared/base/clock.ts";
import { sharedLines } from "../../src/shared/log/append/message.ts";
import type { Outcome } from "../../src/shared/log/append/write.ts";
import { SimConnection } from "./broker/connection.ts";
import type { SimBroker } from "./broker/broker.ts";
import type { SimProcess } from "./schedule.ts";
import type { Lines } from "./lines.ts";

const RUNNER = "host.default";
/** Some executors say that they wait for longer than others, for events of the same session. */
const LONG_PATIENCE_MS = 10_000;
const PATIENT = 3;

/** An event of an executor, and what the gateway said. */
export type Sent = {
  session: string;
  n: number;
  id: string;
  keyed: boolean;
  outcome: Outcome | undefined;
  gateway: SimGateway | undefined;
};

/** The way of a gateway's process into the log: the real commit on a simulated connection. */
export class SimGateway {
  readonly process: SimProcess;
  readonly connection: SimConnection;
  readonly #storing: Storing;
  readonly #broker: SimBroker;

  constructor(broker: SimBroker, clock: Clock, lines: Lines, number: number) {
    this.process = { name: `gateway ${number}`, alive: true, stoppedUntil: 0 };
    this.#broker = broker;
    this.connection = new SimConnection(broker, this.process, "_INBOX_gw.g");
    let tokens = 0;
    this.#storing = createStoring({
      connection: this.connection.asConnection(),
      names: {
        gateway: "g",
        runner: RUNNER,
        logInbox: `_INBOX_gw.g.p${number}`,
        newToken: () => `t${number}x${tokens++}`,
        nonce: `e${number}n`,
      } as unknown as Parameters<typeof createStoring>[0]["names"],
      durability: () => "fsync",
      commits: { took: () => {} } as unknown as Parameters<typeof createStoring>[0]["commits"],
      clock,
      logger: lines.logger,
    });
  }

  /** Hands one event to the commit. `settled` is called with what the executor would be told. */
  send(sent: Sent, settled: (outcome: Outcome) => void): void {
    const { session, n, id, keyed } = sent;
    sent.gateway = this;
    const { schedule } = this.#broker;
    schedule.after(
      0,
      () =>
        this.#storing.committer.add({
          id,
          keyed,
          kind: "event",
          session,
          subject: eventSubject(RUNNER, session, "event"),
          lines: sharedLines(session, "event"),
          receivedAt: schedule.wall(),
          type: "message",
          body: Buffer.from(JSON.stringify({ session_id: session, n })),
          answer: undefined,
          trace: undefined,
          patienceMs: n % PATIENT === 0 ? LONG_PATIENCE_MS : undefined,
          settle: settled,
        }),
      this.process,
    );
  }

  kill(): void {
    this.process.alive = false;
    this.connection.drop();
  }
}
