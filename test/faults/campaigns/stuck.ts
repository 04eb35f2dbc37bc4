import { SHARDS, shardOf } from "../../support/eight-shards.ts";
import { setTimeout as delay } from "node:timers/promises";
import { check, type Arrival } from "../checker.ts";
import { judge } from "../judge.ts";
import { startLoad } from "../load.ts";
import { seededRandom } from "../random.ts";
import type { Report } from "../report.ts";
import { onStage, type Stage } from "../stage.ts";

export type StuckOptions = {
  seed: number;
  /** Events of the healthy sessions before the relay is killed, in all. */
  events: number;
  /** Healthy sessions, at 50 events/s each. */
  sessions: number;
};

const STUCK = "stuck";
/** The relay's default. */
const CONNECTIONS = 32;
/** How often the relay writes down what is settled. */
const CHECKPOINT_MS = 500;

/**
 * One session that cannot be delivered keeps the consumers' ack floor down, so every event of the others comes again after each takeover. A dead
 * relay forgets at most what was in flight and what it settled within the last second; a live one forgets nothing, whatever the
 * broker forgets (ONCE-1).
 */
export async function stuck(options: StuckOptions, report: Report): Promise<void> {
  await onStage(report, (stage) => play(options, report, stage));
}

async function play(options: StuckOptions, report: Report, stage: Stage): Promise<void> {
  const { coordinator, relay, broker, gateway } = stage;
  await coordinator.setFaults([{ session: STUCK, action: { kind: "status", status: 500 } }]);
  const begin = (name: string, events: number): ReturnType<typeof startLoad> => {
    const writers = Array.from({ length: options.sessions }, (_, i) => ({
      session: sessionIn(i % SHARDS, `${name}-${i}`),
      perSecond: 50,
      async: true,
      events: Math.ceil(events / options.sessions),
    }));
    if (name === "first") writers.push({ session: STUCK, perSecond: 1, async: true, events: 3 });
    return startLoad({ url: () => gateway.url(), random: seededRandom(options.seed), writers });
  };
  const healthy = (load: ReturnType<typeof startLoad>): string[] =>
    load.calls.filter((call) => call.session !== STUCK).map((call) => call.marker);

  const first = begin("first", options.events);
  await first.finished();
  const killedAt = Date.now();
  await relay.kill9(); // while the last ones are still on their way
  await relay.ready();
  const second = begin("second", options.events / 10);
  await second.finished();
  const again = await stage.settled([...healthy(first), ...healthy(second)], 30_000);
  report.check("healthy sessions delivered beside the stuck one", again, again ? "all" : "some wait");
  const afterRelay = await stage.arrivals();
  const lastSecond = afterRelay.filter(
    (it) => it.applied && it.at > killedAt - 1000 && it.at <= killedAt,
  ).length;
  const repeats = repeatsOf(afterRelay);
  const most = CONNECTIONS + lastSecond;
  report.check(
    "repeats after the relay's kill -9",
    repeats <= most,
    `${repeats} of ${healthy(first).length} (at most ${most}: ${CONNECTIONS} in flight, ${lastSecond} in its last second)`,
  );

  const third = begin("third", options.events / 5);
  await delay(400); // it lasts a second
  await (
    await stage.killBroker(0)
  ).restarted;
  await third.finished();
  const whole = await stage.settled(healthy(third), 30_000);
  report.check("healthy sessions delivered after the broker's kill", whole, whole ? "all" : "some wait");
  const more = repeatsOf(await stage.arrivals()) - repeats;
  report.check("repeats after the broker's kill -9 alone", more === 0, `${more} (the relay lived: none)`);

  // What the relay asks of a frozen broker is never answered; once it is back, the relay remembers as before.
  const fourth = begin("fourth", options.events);
  await delay(500);
  process.kill(broker.pid(), "SIGSTOP");
  await delay(CHECKPOINT_MS + 200);
  await (
    await stage.killBroker(0)
  ).restarted;
  await delay(2500);
  await relay.kill9();
  await fourth.finished();
  await stage.settled(healthy(fourth), 30_000);
  const last = repeatsOf(await stage.arrivals()) - more - repeats;
  report.note("repeats after a frozen broker's kill, then the relay's", `${last} of ${fourth.calls.length}`);

  await coordinator.setFaults([]);
  const calls = [first, second, third, fourth].flatMap((load) => load.calls);
  await judge(stage, { calls }, report, 120_000);
}

/** A name whose events go to this shard: only where new ones come, a relay takes over. */
function sessionIn(shard: number, name: string): string {
  for (let i = 0; ; i++) {
    const session = `${name}-${i}`;
    if (shardOf(session) === shard) return session;
  }
}

function repeatsOf(arrivals: readonly Arrival[]): number {
  return check({ acknowledged: [], arrivals, dead: new Set() }).repeats.length;
}
