import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { readSync } from "../../shared/log/durability/read-durability.ts";
import { judgeAgentSessions } from "../../shared/messages/checks/agent-sessions.ts";
import { reading } from "../../shared/messages/checks/reading.ts";
import { judgeBroker, readBroker } from "../../shared/messages/checks/broker.ts";
import { judgeDamage, readDamage } from "../../shared/messages/checks/damage.ts";
import { judgeDead, readDead } from "../../shared/messages/checks/dead-letters.ts";
import type { Line } from "../../shared/messages/checks/line.ts";
import { judgeRelays } from "../../shared/messages/checks/relays.ts";
import { judgeRoom } from "../../shared/messages/checks/room.ts";
import { judgeRunners, readRunners } from "../../shared/messages/checks/runners.ts";
import { judgeCoordinatorSessions } from "../../shared/messages/checks/coordinator-sessions.ts";
import { judgeStreams, readStreams } from "../../shared/messages/checks/streams.ts";
import type { RelayState } from "../../shared/messages/relay-state.ts";
import type { RelayView } from "../../shared/messages/standing/relay-view.ts";
import { MOST_LANES } from "../../shared/messages/standing/relay-view.ts";
import { checkIndex } from "../../shared/session-log/report/index-check.ts";
import { readSessionsStatus } from "../../shared/session-log/report/sessions-status.ts";
import type { Reading } from "./reader.ts";
import type { Relays } from "./relays.ts";

/** The checks cost some forty requests, so pages that refresh every second share them for this time. */
const FRESH_MS = 5000;

/** What `doctor` checks, as far as the console may look: all but the login's permissions, the gateways and the disk. */
export type Checks = { lines: Line[]; relays: readonly RelayState[]; wall: number };

export type Checker = { read(): Promise<Checks> };

export function createChecker(deps: {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  /** Where the broker's sync setting can be read. */
  sync: { configFile?: string; monitor?: string };
  relays: Pick<Relays, "states" | "ask">;
  log: () => Promise<Reading>;
}): Checker {
  const { clock } = deps;
  let last: { checks: Promise<Checks>; at: number } | undefined;
  return {
    read() {
      if (last === undefined || clock.now() - last.at > FRESH_MS)
        last = { checks: examine(deps), at: clock.now() };
      return last.checks;
    },
  };
}

async function examine(deps: Parameters<typeof createChecker>[0]): Promise<Checks> {
  const { nc, jsm, clock, relays } = deps;
  const states = relays.states();
  const [broker, streams, damage, runners, dead, log, views, sessions, index] = await Promise.all([
    readBroker({ kind: "read", value: nc }, undefined),
    readSync(deps.sync).then((sync) => readStreams(jsm, sync)),
    readDamage(jsm),
    readRunners(jsm),
    readDead(jsm),
    deps.log(),
    relays.ask({ most: MOST_LANES }),
    reading(() => readSessionsStatus(jsm)),
    reading(() => checkIndex(jsm)),
  ]);
  const wall = clock.wall();
  const lines = [
    ...judgeBroker(broker),
    ...judgeStreams(streams),
    ...judgeDamage(damage),
    ...judgeRoom({ streams: streams.streams, free: undefined }),
    ...judgeRelays({
      shardCount: streams.consumers.length,
      heard: { kind: "read", value: states },
      views,
      local: undefined,
    }),
    ...sessionLines(log, views, wall),
    ...judgeRunners(runners, wall),
    ...judgeDead(dead, wall),
    ...judgeAgentSessions(sessions, index),
  ];
  return { lines, relays: states, wall };
}

function sessionLines({ known }: Reading, views: readonly RelayView[], wall: number): Line[] {
  return known === undefined ? [] : judgeCoordinatorSessions(views, known.status, wall);
}
