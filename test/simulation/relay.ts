import type { RelayOptions } from "../../src/relay/options.ts";
import { startRelay, type Relay } from "../../src/relay/relay.ts";
import type { Clock } from "../../src/shared/base/clock.ts";
import { errorText, isCoded } from "../../src/shared/base/errors.ts";
import type { Credentials } from "../../src/shared/credentials/index.ts";
import { unreachableOr } from "../../src/shared/log/broker.ts";
import { RELAY_INBOX } from "../../src/shared/log/schema/subjects.ts";
import type { SimBroker } from "./broker/broker.ts";
import { SimConnection } from "./broker/connection.ts";
import type { SimCoordinator } from "./coordinator.ts";
import type { Lines } from "./lines.ts";
import type { SimProcess } from "./schedule.ts";

const READY = { kind: "ready", headers: {}, generation: 1 } as const;

const credentials: Credentials = {
  current: () => READY,
  headers: () => Promise.resolve(READY),
  refused: () => {},
  describe: () => ({ kind: "none" }),
  close: () => {},
};

const SETTINGS: Omit<RelayOptions, "relay" | "poisonPolicy"> = {
  version: "0",
  coordinatorUrl: "http://coordinator",
  retarget: false,
  adminListen: "127.0.0.1",
  adminPort: undefined,
  pageToken: "page",
  connections: 32,
  attemptTimeoutMs: 5000,
  passTimeoutMs: 30_000,
  runnerTimeoutMs: 5000,
  exhaustAfterMs: 15 * 60_000,
  drainMs: 2000,
  batch: undefined,
  shield: false,
  allow: undefined,
};

export type SimRelayDeps = {
  broker: SimBroker;
  coordinator: SimCoordinator;
  clock: Clock;
  random: () => number;
  lines: Lines;
  number: number;
  options: Pick<RelayOptions, "poisonPolicy" | "holdAbove">;
  /** It ended by itself, with the code and the words of its last line. */
  ended: (code: string, text: string) => void;
};

/** A relay's process: the real one, from its start to its stop. */
export class SimRelay {
  readonly process: SimProcess;
  readonly connection: SimConnection;
  #relay: Relay | undefined;
  stopped = false;

  constructor(deps: SimRelayDeps) {
    const { broker, clock, random, lines, number } = deps;
    this.process = { name: `relay ${number}`, alive: true, stoppedUntil: 0 };
    this.connection = new SimConnection(broker, this.process, RELAY_INBOX);
    const fatal = (cause: Error): void => {
      if (!this.process.alive || this.stopped) return;
      const error = unreachableOr(cause);
      const code = isCoded(error) ? error.code : "internal";
      lines.codes.set(code, (lines.codes.get(code) ?? 0) + 1);
      broker.schedule.trace(`${this.process.name} ends: ${code} ${errorText(error)}`);
      this.kill();
      deps.ended(code, errorText(error));
    };
    broker.schedule.after(
      1,
      () =>
        void startRelay(
          { ...SETTINGS, ...deps.options, relay: `r${number}` },
          {
            nc: this.connection.asConnection(),
            clock,
            random,
            log: lines.logger,
            coordinator: deps.coordinator.portFor(this.process),
            credentials,
            openAdmin: () => Promise.resolve({ url: "", close: () => Promise.resolve() }),
            linesDropped: () => 0,
            fatal,
          },
        ).then((relay) => (this.#relay = relay), fatal),
      this.process,
    );
  }

  kill(): void {
    this.process.alive = false;
    this.connection.drop();
  }

  /** A graceful stop: hand-over, then the end. */
  stop(): void {
    this.stopped = true;
    const { schedule } = this.connection.broker;
    schedule.after(
      0,
      () => {
        if (this.#relay === undefined) return this.kill();
        void this.#relay.close().finally(() => this.kill());
      },
      this.process,
    );
  }
}
