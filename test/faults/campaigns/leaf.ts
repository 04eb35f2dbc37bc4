import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { runPrune } from "../../../src/shared/log/prune.ts";
import { EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import type { LinkState } from "../../support/link.ts";
import { firstApplied } from "../checker.ts";
import { judge } from "../judge.ts";
import { startLeafHome, type LeafHome, type LeafHost } from "../leaf/home.ts";
import { startLoad, type Call, type Load } from "../load.ts";
import { seededRandom, type Random } from "../random.ts";
import { ms, quantile, type Report } from "../report.ts";

export type LeafOptions = {
  seed: number;
  hosts: number;
  /** A relay process for each host, or one for all. */
  relays: "each" | "one";
  /** Writers of each host, and the events of each in a second. */
  sessions: number;
  perSecond: number;
  /** How long one host is cut off, once with a broken link and once with a silent one. */
  cutMs: number;
  /** How often the hub's server is killed, and then how often that of a host. */
  hubKills: number;
  hostKills: number;
  calmMs: number;
};

/** Everything that was acknowledged before is delivered this long after a link, or the hub, is back. */
const CAUGHT_UP_MS = 10_000;
/** Not caught up after this: it does not go on by itself. */
const STUCK_MS = 60_000;
const LOOK_MS = 100;
/** How long the hub's server is away, in the mean. */
const HUB_AWAY_MS = 1000;
/** Receipts that are asked for at each host. */
const RECEIPTS = 200;

type Play = { options: LeafOptions; home: LeafHome; loads: readonly Load[]; random: Random; report: Report };

/** Hosts with a log each, relays at a hub: a host is cut off, and the servers of hub and hosts are killed, while executors go on (docs/operations/leaves.md). */
export async function leaf(options: LeafOptions, report: Report): Promise<void> {
  const random = seededRandom(options.seed);
  await using home = await startLeafHome(options.hosts, options);
  const loads = home.hosts.map((host) =>
    startLoad({
      url: () => host.gatewayService.url(),
      random,
      writers: Array.from({ length: options.sessions }, (_, i) => ({
        session: `${host.name}-${i}`,
        perSecond: options.perSecond,
        async: i % 2 === 0,
      })),
    }),
  );
  const play: Play = { options, home, loads, random, report };
  await delay(options.calmMs);
  for (const how of ["cut", "stalled"] as const) await cutOff(play, how);
  await killHub(play);
  await killHosts(play);
  for (const load of loads) await load.stop();
  const calls = loads.flatMap((load) => load.calls);
  await judge(home, { calls }, report);
  tellExecutors(loads, report);
  for (const [i, host] of home.hosts.entries()) await tellLog(host, loads[i]?.calls ?? [], report);
}

async function cutOff(
  { options, home, loads, report }: Play,
  how: LinkState["kind"] & ("cut" | "stalled"),
): Promise<void> {
  const [host] = home.hosts as [LeafHost];
  home.crashes.push(Date.now());
  host.link.set({ kind: how });
  await delay(options.cutMs);
  home.crashes.push(Date.now());
  host.link.set({ kind: "open" });
  const { waited, took } = await untilCaughtUp(home, loads);
  report.check(
    `cut off (${how}) for ${options.cutMs / 1000} s: caught up`,
    took <= CAUGHT_UP_MS,
    `${waited} events in ${ms(took)} (at most ${CAUGHT_UP_MS})`,
  );
  await delay(options.calmMs);
}

async function killHub({ options, home, loads, random, report }: Play): Promise<void> {
  const times: number[] = [];
  for (let kill = 0; kill < options.hubKills; kill++) {
    home.crashes.push(Date.now());
    await home.hub.kill();
    await delay(random.exponential(HUB_AWAY_MS));
    await home.hub.start();
    home.crashes.push(Date.now());
    times.push((await untilCaughtUp(home, loads)).took);
    await delay(random.exponential(options.calmMs));
  }
  const longest = Math.max(0, ...times);
  report.check(
    `hub killed ${options.hubKills} times: caught up`,
    longest <= CAUGHT_UP_MS,
    `median ${ms(quantile(times, 0.5))}, longest ${ms(longest)} (at most ${CAUGHT_UP_MS})`,
  );
}

/** A host's server is started again at once, so that no executor is refused. */
async function killHosts({ options, home, loads, random, report }: Play): Promise<void> {
  const times: number[] = [];
  for (let kill = 0; kill < options.hostKills; kill++) {
    const { server } = home.hosts[kill % home.hosts.length] as LeafHost;
    home.crashes.push(Date.now());
    await server.kill();
    await server.start();
    home.crashes.push(Date.now());
    times.push((await untilCaughtUp(home, loads)).took);
    await delay(random.exponential(options.calmMs));
  }
  report.note(
    `hosts' servers killed ${options.hostKills} times: caught up`,
    `median ${ms(quantile(times, 0.5))}, longest ${ms(Math.max(0, ...times))}`,
  );
}

/** How long it takes until what is acknowledged now is delivered, and how much of it is not yet. */
async function untilCaughtUp(
  home: LeafHome,
  loads: readonly Load[],
): Promise<{ waited: number; took: number }> {
  const from = performance.now();
  const markers = loads.flatMap((load) => load.calls.map(({ marker }) => marker));
  let waited: number | undefined;
  for (;;) {
    const applied = firstApplied(await home.arrivals());
    const waiting = markers.filter((marker) => !applied.has(marker)).length;
    waited ??= waiting;
    const took = performance.now() - from;
    if (waiting === 0 || took > STUCK_MS) return { waited, took };
    await delay(LOOK_MS);
  }
}

function tellExecutors(loads: readonly Load[], report: Report): void {
  const refused = loads.flatMap((load) => load.refusals.map(({ marker, status }) => `${marker} ${status}`));
  report.check("refused requests", refused.length === 0, refused.slice(0, 5).join(", ") || "0");
  const broken = loads.flatMap((load) => Array.from(load.unanswered, ([why, count]) => `${count} ${why}`));
  report.check("requests without an answer", broken.length === 0, broken.join(", ") || "0");
  const times = loads.flatMap((load) => load.calls.map((call) => call.ms));
  report.note("answers", `p99 ${ms(quantile(times, 0.99))}, slowest ${ms(Math.max(0, ...times))}`);
}

/** Receipts by way of the link, and a prune by the hub's user: everything is settled, so that nothing may stay. */
async function tellLog(host: LeafHost, calls: readonly Call[], report: Report): Promise<void> {
  const stored = calls.filter(({ receipt }) => receipt !== undefined);
  const step = Math.max(1, Math.floor(stored.length / RECEIPTS));
  const wrong: string[] = [];
  let asked = 0;
  for (let i = 0; i < stored.length; i += step) {
    const answer = await fetch(`${host.gatewayService.url()}${stored[i]?.receipt}`);
    const text = await answer.text();
    asked++;
    if (!text.includes('"state":"delivered"')) wrong.push(text);
  }
  report.check(
    `${host.name}: receipts`,
    asked > 0 && wrong.length === 0,
    `${asked}, wrong: ${wrong[0] ?? "0"}`,
  );
  const prune = await host.connect("hub", "prune");
  const { removed } = await runPrune(prune, { retentionMs: 1, clock: systemClock });
  const jsm = await jetstreamManager(await host.connect("host", "operator"), { checkAPI: false });
  const { messages, bytes } = (await jsm.streams.info(EVENTS_STREAM)).state;
  report.check(
    `${host.name}: log pruned`,
    messages === 0,
    `${removed} removed, ${messages} left (${bytes} B)`,
  );
}
