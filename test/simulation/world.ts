import { shardOf } from "../support/eight-shards.ts";
import type { RelayOptions } from "../../src/relay/options.ts";
import type { Clock } from "../../src/shared/base/clock.ts";
import { provision } from "../../src/shared/log/provision/provision.ts";
import { ADMIN_INBOX } from "../../src/shared/log/schema/subjects.ts";
import { consumerName, EVENTS_STREAM } from "../../src/shared/log/schema/topology.ts";
import { seededRandom, type Random } from "../faults/random.ts";
import { SimBroker, type BrokerOptions, type Disk } from "./broker/broker.ts";
import { SimConnection } from "./broker/connection.ts";
import { SimCoordinator } from "./coordinator.ts";
import { SimGateway, type Sent } from "./gateway.ts";
import { withGlobals } from "./globals.ts";
import { countLines, type Lines } from "./lines.ts";
import { SimRelay } from "./relay.ts";
import { inTurn, Schedule, type SimProcess } from "./schedule.ts";

// schedule.ts is time · broker/ is the broker · coordinator.ts what stands behind · gateway.ts and relay.ts run the product's own code · steps.ts is what happens,
// history.ts makes it happen · verdict.ts judges · here all of them are joined

export type WorldOptions = BrokerOptions &
  Pick<RelayOptions, "poisonPolicy" | "holdAbove"> & {
    /** False: only the way into the log. */
    relays?: boolean;
    /** Servers that keep the streams. Default: 1. */
    servers?: number;
  };

export const USUAL: WorldOptions = { syncAlways: true, poisonPolicy: "skip" };

/** What every broker of a history starts with: the streams and consumers that `provision` makes. */
export async function provisionedDisk(): Promise<Disk> {
  return inTurn(() => {
    const schedule = new Schedule();
    const random = seededRandom(1);
    return withGlobals(schedule, random.next, () => {
      const broker = new SimBroker(schedule, random, USUAL);
      const process = { name: "provision", alive: true, stoppedUntil: 0 };
      const nc = new SimConnection(broker, process, ADMIN_INBOX).asConnection();
      let failure: unknown;
      let done = false;
      schedule.after(
        0,
        () =>
          void provision(nc, { wall: schedule.wall }).then(
            () => (done = true),
            (error: unknown) => (failure = error),
          ),
        process,
      );
      schedule.runUntil(60_000, () => done || failure !== undefined);
      if (!done) throw failure instanceof Error ? failure : new Error("provisioning does not end");
      return broker.disk();
    });
  });
}

export class World {
  readonly schedule = new Schedule();
  readonly random: Random;
  readonly clock: Clock;
  readonly broker: SimBroker;
  readonly coordinator: SimCoordinator;
  readonly lines: Lines;
  readonly options: WorldOptions;
  readonly sent: Sent[] = [];
  /** How relays ended by themselves. */
  readonly ends: { code: string; text: string }[] = [];
  /** Events that were sent by a relay which had lost their shard. */
  readonly unfenced: string[] = [];
  /** When faults are over. */
  readonly until: number[] = [];
  gateway: SimGateway;
  relays: SimRelay[] = [];
  #processes = 0;

  constructor(seed: number, disk: Disk, options: WorldOptions, onLine?: Parameters<typeof countLines>[0]) {
    this.options = options;
    this.random = seededRandom(seed ^ 0x5bd1e995);
    const { schedule } = this;
    this.clock = { now: schedule.now, wall: schedule.wall, after: (ms, fn) => schedule.after(ms, fn) };
    this.lines = countLines(onLine);
    this.broker = new SimBroker(schedule, this.random, options);
    this.broker.load(disk);
    for (const { config } of this.broker.streams.values()) config.num_replicas = options.servers ?? 1;
    this.coordinator = new SimCoordinator(schedule, this.random);
    this.gateway = this.#newGateway();
    this.coordinator.onSend = (session, process) => this.#checkFence(session, process);
    if (options.relays !== false) this.addRelay();
  }

  /** ORDER-1 through failover: nobody sends for a shard that the broker has given to another relay. */
  #checkFence(session: string, { name }: SimProcess): void {
    const consumer = this.broker.consumers.get(EVENTS_STREAM)?.get(consumerName(shardOf(session)));
    if (consumer === undefined || consumer.pin === "") return;
    const [, relay = ""] = /\.r(\d+)-\w+\.pull\./.exec(consumer.owner) ?? [];
    if (name !== `relay ${relay}`)
      this.unfenced.push(`${name} sends for ${session}, which relay ${relay} has`);
  }

  #newGateway(): SimGateway {
    return new SimGateway(this.broker, this.clock, this.lines, ++this.#processes);
  }

  addRelay(): void {
    const { broker, coordinator, clock, lines, options, random } = this;
    const relay: SimRelay = new SimRelay({
      broker,
      coordinator,
      clock,
      lines,
      options,
      random: random.next,
      number: ++this.#processes,
      ended: (code, text) => {
        this.ends.push({ code, text });
        // its supervisor starts it again
        this.schedule.after(500, () => this.replaceRelay(relay), null);
      },
    });
    this.relays.push(relay);
  }

  replaceRelay(relay: SimRelay): void {
    this.relays = this.relays.filter((other) => other !== relay);
    this.addRelay();
  }

  replaceGateway(): void {
    this.gateway.kill();
    this.gateway = this.#newGateway();
  }
}
