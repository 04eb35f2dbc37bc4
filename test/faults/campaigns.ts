import { bombsGateway } from "./campaigns/bombs-gateway.ts";
import { bombsRelay } from "./campaigns/bombs-relay.ts";
import { cluster, CLUSTER_PLAYS } from "./campaigns/cluster.ts";
import { cuts } from "./campaigns/cuts.ts";
import { damage } from "./campaigns/damage.ts";
import { failover } from "./campaigns/failover.ts";
import { foreign } from "./campaigns/foreign.ts";
import { growth } from "./campaigns/growth.ts";
import { hang } from "./campaigns/hang.ts";
import { kill } from "./campaigns/kill.ts";
import { leaf } from "./campaigns/leaf.ts";
import { long } from "./campaigns/long.ts";
import { logs } from "./campaigns/logs.ts";
import { many } from "./campaigns/many.ts";
import { memory } from "./campaigns/memory.ts";
import { orphans } from "./campaigns/orphans.ts";
import { outage } from "./campaigns/outage.ts";
import { power } from "./campaigns/power.ts";
import { DEFAULT_RATE } from "../../src/operate/replay/pace.ts";
import { prune } from "./campaigns/prune.ts";
import { replicas } from "./campaigns/replicas.ts";
import { restart } from "./campaigns/restart.ts";
import { replay } from "./campaigns/replay.ts";
import { runner, RUNNER_PLAYS } from "./campaigns/runner.ts";
import { stuck } from "./campaigns/stuck.ts";
import { tunnel } from "./campaigns/tunnel.ts";
import { turns } from "./campaigns/turns.ts";
import { watch, WATCH_PLAYS } from "./campaigns/watch.ts";
import type { Report } from "./report.ts";

export { CLUSTER_PLAYS, RUNNER_PLAYS, WATCH_PLAYS };

export type Campaign = {
  name: string;
  what: string;
  limitMs: number;
  /** Only when it is asked for: it takes long. */
  byName?: true;
  run: (report: Report) => Promise<void>;
};

export type Asked = {
  rounds: number;
  gapMs: number;
  /** Undefined: as long as each campaign takes by itself. */
  minutes: number | undefined;
  seed: number;
  seconds: number;
  play: string | undefined;
  kind: string | undefined;
};

/** All campaigns, in the order in which they run. */
export function campaignsOf({ rounds, gapMs, seconds, minutes, seed, play, kind }: Asked): Campaign[] {
  return [
    {
      name: "outage",
      what: "the coordinator is away for 10 s, then for 5 s",
      limitMs: 180_000,
      run: (report) =>
        outage(
          { seed, sessions: 20, perSecond: 20, outagesMs: [10_000, 5000], calmMs: 7000, knownP99Ms: 50 },
          report,
        ),
    },
    {
      name: "kill",
      what: `${rounds} kills of gateway, relay and nats-server under load`,
      limitMs: 300_000 + rounds * (gapMs + 4000),
      run: (report) =>
        kill({ seed, rounds, gapMs, waiting: 8, async: 24, perSecond: 25, leastPerSecond: 400 }, report),
    },
    {
      name: "prune",
      what: "a log that is pruned all the time beside relays that are killed, and sessions that are paused",
      limitMs: 600_000,
      run: (report) =>
        prune(
          {
            seed,
            sessions: 24,
            perSecond: 10,
            kills: Math.min(rounds, 24),
            calmMs: 4000,
            retentionMs: 500,
            everyMs: 50,
          },
          report,
        ),
    },
    {
      name: "stuck",
      what: "one session that cannot be delivered; the relay is killed, then the broker",
      limitMs: 240_000,
      run: (report) => stuck({ seed, events: 5000, sessions: 20 }, report),
    },
    {
      name: "hang",
      what: "50 sessions whose requests hang beside 20 others",
      limitMs: 600_000,
      run: (report) =>
        hang({ seed, pairs: 5, hanging: 50, healthy: 20, perSecond: 10, measureMs: 8000 }, report),
    },
    {
      name: "failover",
      what: "two relays, one at a time killed or frozen",
      limitMs: 300_000,
      run: (report) =>
        failover({ seed, rounds: 8, sessions: 20, perSecond: 10, awayMs: 6000, calmMs: 5000 }, report),
    },
    {
      name: "tunnel",
      what: "1 GiB up and down, a reader of a byte a second, a silent stream",
      limitMs: 300_000,
      run: (report) => tunnel({ bytes: 1024 ** 3, events: 1000, silentMs: 60_000, slowMs: 20_000 }, report),
    },
    ...(["each", "one"] as const).map((relays) => ({
      name: relays === "each" ? "leaf" : "leaf-one",
      what: `3 hosts with a log each, ${relays === "each" ? "a relay for each" : "one relay for all"}: one is cut off for ${seconds} s twice, the hub is killed 20 times, the hosts' servers 9 times`,
      limitMs: 600_000 + seconds * 4000,
      run: (report: Report) =>
        leaf(
          {
            seed,
            relays,
            hosts: 3,
            sessions: 10,
            perSecond: 5,
            cutMs: seconds * 1000,
            hubKills: 20,
            hostKills: 9,
            calmMs: 3000,
          },
          report,
        ),
    })),
    {
      name: "logs",
      what: "one relay process at rest with 1, 10 and 20 logs: memory and processor time",
      limitMs: 300_000,
      run: (report) => logs({ counts: [1, 10, 20], restMs: 10_000 }, report),
    },
    {
      name: "cluster",
      what: "three servers that replicate: leaders killed, a server stopped, a leader alone, and what `status` and `doctor` say of them",
      limitMs: 1_200_000,
      run: (report) => cluster({ play, seed, rounds }, report),
    },
    {
      name: "cuts",
      what: "a client of sessions behind a proxy that breaks 100 connections during turns",
      limitMs: 900_000,
      run: (report) => cuts({ seed, cuts: 100, meanBytes: 4000, events: 50, everyMs: 4 }, report),
    },
    {
      name: "runner",
      what: "a runner at work while everything between it and its coordinator is restarted, killed and frozen",
      limitMs: 1_200_000,
      run: (report) => runner({ play: play }, report),
    },
    {
      name: "watch",
      what: "200 watchers of 50 sessions that come and go, while servers and broker are killed and stopped",
      limitMs: 1_800_000,
      run: (report) =>
        watch(
          {
            play: play,
            seed,
            sessions: 50,
            watchers: 200,
            perSecond: 10,
            kills: 12,
            stops: 8,
            leaders: 8,
            checked: 200_000,
            calmMs: 4000,
          },
          report,
        ),
    },
    {
      name: "replicas",
      what: "two servers behind nginx, restarted one after the other under 200 watchers and 20 turns",
      limitMs: 600_000,
      run: (report) =>
        replicas(
          { turns: 20, watchers: 10, events: 600, everyMs: 100, rounds: 3, calmMs: 4000, quietMs: 75_000 },
          report,
        ),
    },
    {
      name: "restart",
      what: "planned restarts of `up` while a runner polls and executors write",
      limitMs: 600_000,
      run: (report) =>
        restart({ seed, rounds: 8, sessions: 16, perSecond: 10, calmMs: 1500, settleMs: 60_000 }, report),
    },
    {
      name: "turns",
      what: "three workers of 12 sessions, killed and stopped, and a broker that is killed",
      limitMs: 480_000,
      run: (report) => turns({ seed, workers: 3, sessions: 12, forMs: 75_000 }, report),
    },
    {
      name: "orphans",
      what: "two workers, killed 50 times while agents run, every tenth time with the guard of those",
      limitMs: 900_000,
      run: (report) => orphans({ kills: 50, withGuard: 10, sessions: 6 }, report),
    },
    {
      name: "foreign",
      what: "the time of an answer says nothing of another user's sessions",
      limitMs: 300_000,
      run: (report) => foreign({ requests: 1000 }, report),
    },
    {
      name: "bombs-gateway",
      what: "100,000 bodies built to be expensive, beside 5 sessions and 200 half-sent requests",
      limitMs: 1_800_000,
      run: (report) =>
        bombsGateway(
          { seed, bodies: 100_000, perSecond: 300, clients: 16, half: 200, quietMs: 20_000 },
          report,
        ),
    },
    {
      name: "bombs-relay",
      what: "40,000 messages built to be expensive, in the log and beside it, and answers of their kind, beside 5 sessions",
      limitMs: 900_000,
      run: (report) =>
        bombsRelay({ seed, messages: 40_000, perSecond: 200, throwers: 16, quietMs: 20_000 }, report),
    },
    {
      name: "damage",
      what: "every file of the store removed, truncated, emptied and flipped, before a start and under a broker that is then killed",
      limitMs: 3_600_000,
      run: (report) =>
        damage(
          {
            seed,
            delivered: 60,
            waiting: 60,
            ...(kind === undefined ? {} : { only: { kind, times: rounds } }),
          },
          report,
        ),
    },
    {
      name: "power",
      what: `${rounds} cuts of the power under load, as root on Linux`,
      limitMs: 300_000 + rounds * 15_000,
      byName: true,
      run: (report) => power({ seed, cuts: rounds, controlCuts: 10, perDisk: 25, gapMs: 400 }, report),
    },
    {
      name: "replay",
      what: "one session out of a log of 1,000,000 events; 100,000 events beside live ones",
      limitMs: 900_000,
      byName: true,
      run: (report) =>
        replay(
          {
            seed,
            events: 1_000_000,
            sessions: 10_000,
            replayed: 100_000,
            perSecond: DEFAULT_RATE,
            writers: 20,
            writes: 10,
            calmMs: 30_000,
          },
          report,
        ),
    },
    {
      name: "many",
      what: "50,000 sessions and 100,000 dead letters before the operators' commands",
      limitMs: 900_000,
      byName: true,
      run: (report) => many({ letters: 100_000, sessions: 50_000, events: 2 }, report),
    },
    {
      name: "memory",
      what: "a backlog of 120,000 events, 100,000 of them in one session",
      limitMs: 1_800_000,
      byName: true,
      run: (report) => memory({ seed, hot: 100_000, others: 20_000, sessions: 200 }, report),
    },
    ...growth({ seed, rounds }),
    ...long({ seed, minutes }),
  ];
}
