import type { JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import { readControls, type Controls } from "../../log/state/control.ts";
import { readDamages, type Damage } from "../../log/state/damage.ts";
import { readDepartures, type Departure } from "../../log/state/departure.ts";
import { readState } from "../../log/state/state-store.ts";
import { sessionFilter } from "../../log/schema/subjects.ts";
import { DEAD_STREAM, EVENTS_STREAM, shardSubjects, stateKey } from "../../log/schema/topology.ts";
import { replicasOf, type Replicas } from "../checks/replicas.ts";
import { readBacklog, type Backlog } from "./backlog.ts";

/** How the log is: what of a status the broker alone tells, for `status` and for the console's page, which must say the same. */
export type LogStatus = {
  log: {
    messages: number;
    bytes: number;
    maxBytes: number;
    firstSeq: number;
    lastSeq: number;
    created: string;
    replicas: number;
    /** How the servers stand that have it; absent for a log on one server. */
    servers?: Replicas;
  };
  backlog: Backlog;
  /** Time of acceptance of the oldest pending event, ISO. It is a little too old while acknowledgements are out of order. */
  oldestWaiting?: string;
  dead: { messages: number; bytes: number };
  /** The URL of the coordinator that the log belongs to. */
  coordinator?: string;
  /** Set if everything is paused, by an operator or by a poison event with the policy `stop`. */
  paused: boolean;
  /** The operators' requests: why everything is paused, and which sessions they paused or resumed. */
  controls: Controls;
  /** Damage that was found, until someone ends the alarm. */
  damage: Damage[];
  /** Runners that will be removed, or that are gone while one of their reports is pending. */
  leaving: Departure[];
};

/** Reads it all, as an operator or as the console; with the log's settings, which tell more than a status shows. */
export async function readLogStatus(
  jsm: JetStreamManager,
): Promise<{ status: LogStatus; settings: StreamConfig }> {
  const [log, dead, backlog, coordinator, controls, damage, leaving] = await Promise.all([
    jsm.streams.info(EVENTS_STREAM),
    jsm.streams.info(DEAD_STREAM),
    readBacklog(jsm),
    readState(jsm, stateKey.coordinator),
    readControls(jsm),
    readDamages(jsm),
    readDepartures(jsm),
  ]);
  const servers = replicasOf(log);
  const oldestWaiting = await oldestOf(jsm, backlog);
  const status: LogStatus = {
    log: {
      messages: log.state.messages,
      bytes: log.state.bytes,
      maxBytes: log.config.max_bytes,
      firstSeq: log.state.first_seq,
      lastSeq: log.state.last_seq,
      created: log.created,
      replicas: log.config.num_replicas,
      ...(servers === undefined ? {} : { servers }),
    },
    backlog,
    ...(oldestWaiting === undefined ? {} : { oldestWaiting }),
    dead: { messages: dead.state.messages, bytes: dead.state.bytes },
    ...(coordinator === undefined ? {} : { coordinator: new TextDecoder().decode(coordinator.value) }),
    paused: controls.paused !== undefined,
    controls,
    damage,
    leaving,
  };
  return { status, settings: log.config };
}

async function oldestOf(jsm: JetStreamManager, { shards, held }: Backlog): Promise<string | undefined> {
  const shardCount = shards.length;
  const firsts = [
    ...shards
      .filter((it) => it.pending + it.inFlight > 0)
      .map((it) => ({ seq: it.ackFloor + 1, subject: shardSubjects(it.shard, shardCount)[0] ?? "" })),
    ...held
      .filter((it) => it.events > 0)
      .map((it) => ({ seq: it.from, subject: sessionFilter(it.session, shardCount) })),
  ].sort((a, b) => a.seq - b.seq);
  let oldest: { seq: number; time: Date } | undefined;
  for (const { seq, subject } of firsts) {
    if (oldest !== undefined && seq > oldest.seq) break; // later sequences cannot be older
    const found = await jsm.direct.getMessage(EVENTS_STREAM, { seq, next_by_subj: subject });
    if (found !== null && (oldest === undefined || found.seq < oldest.seq)) oldest = found;
  }
  return oldest?.time.toISOString();
}
