import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { DEFAULT_SHARDS } from "../shared/log/schema/partition.ts";
import type { Clock } from "../shared/base/clock.ts";
import { followConnection } from "../shared/log/connection.ts";
import { readLogStatus } from "../shared/messages/status/log-status.ts";
import type { RelayView } from "../shared/messages/standing/relay-view.ts";
import { lanesOf, type WantedLanes } from "../shared/messages/standing/ask-views.ts";
import { tryNow, type TryAnswer } from "../shared/messages/standing/try-now.ts";
import type { Snapshot } from "./views/snapshot.ts";
import { createChecker, type Checks } from "./watch/checks.ts";
import { createReader, type Reading } from "./watch/reader.ts";
import { createRelays } from "./watch/relays.ts";
import { Samples } from "./watch/samples.ts";
import type { SessionSources } from "../shared/messages/standing/session-standing.ts";
import { Timeline } from "./watch/timeline.ts";

/** Everything that the console knows, and how it comes to know it. */
export type Observer = {
  connected: () => boolean;
  samples: Samples;
  /** The present moment, with the lanes that are wanted. Never throws: what is not known is missing. */
  snapshot: (lanes: WantedLanes) => Promise<Snapshot>;
  /** What `doctor` checks, as far as the console may look. Throws what the broker throws. */
  checks: () => Promise<Checks>;
  /** Asks relays not to wait for the next try of a session, or of the coordinator. */
  tryNow: (session: string | undefined) => Promise<TryAnswer["tried"]>;
  start(): void;
  stop(): void;
};

/** Over this time the speed is taken at which the backlog shrinks. */
const RECENT_MS = 15_000;

/** Watches broker and relays over one connection. `fatal`: the broker refuses us for good. */
// oxlint-disable-next-line max-lines-per-function -- only puts parts together, and lists what a snapshot consists of
export function observe(deps: {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  options: { version: string; mayAct: boolean };
  /** Where the broker's sync setting can be read. */
  sync: { configFile?: string; monitor?: string };
  fatal: (error: Error) => void;
}): Observer {
  const { nc, jsm, clock } = deps;
  const { version, mayAct } = deps.options;
  const startedAt = clock.wall();
  const samples = new Samples();
  const timeline = new Timeline();
  const relays = createRelays({ nc, clock, changed: (gate) => timeline.gate(gate, clock.wall()) });
  const turned = (up: boolean): void => {
    relays.listenAnew();
    timeline.broker(up, clock.wall());
  };
  const connection = followConnection({
    nc,
    lost: () => turned(false),
    regained: () => turned(true),
    fatal: deps.fatal,
  });
  const reader = createReader({
    clock,
    samples,
    connected: () => connection.up(),
    delivered: () => relays.delivered(),
    async query() {
      const [{ status }] = await Promise.all([readLogStatus(jsm), relays.ask({ most: 0 })]);
      return status;
    },
  });

  const checker = createChecker({ ...deps, relays, log: () => reader.read() });

  return {
    connected: () => connection.up(),
    samples,
    async snapshot(lanes) {
      const asked = connection.up() && lanes.most > 0 ? relays.ask(lanes) : [];
      const [reading, views] = await Promise.all([reader.read(), asked]);
      const gate = relays.gate();
      timeline.gate(gate, clock.wall()); // what a page shows is remembered, too
      return {
        now: clock.wall(),
        version,
        mayAct,
        startedAt,
        reading,
        relays: relays.names(),
        gate,
        connected: connection.up(),
        latest: samples.latest(),
        recent: samples.since(clock.wall(), RECENT_MS),
        troubles: timeline.list(),
        forgottenTroubles: timeline.forgotten,
        sources: sourcesOf(reading, views),
        isWhole: relays
          .states()
          .every(({ overflow, shards }) => !overflow && shards.every(({ behind }) => !behind)),
      };
    },
    checks: () => checker.read(),
    tryNow: (session) => tryNow(nc, relays.states(), session),
    start: () => reader.start(),
    stop() {
      connection.leave();
      reader.stop();
      relays.stop();
    },
  };
}

/** Whose events wait: lanes as relays show them, and what the broker knows of held and paused sessions. Pure. */
function sourcesOf({ known }: Reading, views: readonly RelayView[]): SessionSources {
  return {
    ...lanesOf(views),
    shardCount: known?.status.backlog.shards.length ?? DEFAULT_SHARDS,
    held: known?.status.backlog.held ?? [],
    wishes: known?.status.controls.sessions ?? [],
  };
}
