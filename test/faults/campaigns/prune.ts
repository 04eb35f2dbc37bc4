import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { judge } from "../judge.ts";
import { startLoad } from "../load.ts";
import { pruneAll, startPruner } from "../pruner.ts";
import { seededRandom } from "../random.ts";
import type { Report } from "../report.ts";
import { onStage, type Stage } from "../stage.ts";

export type PrunePlan = {
  seed: number;
  sessions: number;
  perSecond: number;
  /** Kills of relays, and of the broker at every fourth. */
  kills: number;
  /** Between two kills. */
  calmMs: number;
  retentionMs: number;
  everyMs: number;
};

/** A log that is pruned all the time beside its relays, which are killed, and while sessions are held (SETTLE-1). */
export async function prune(plan: PrunePlan, report: Report): Promise<void> {
  await onStage(report, (stage) => play(plan, report, stage));
}

async function play(plan: PrunePlan, report: Report, stage: Stage): Promise<void> {
  const random = seededRandom(plan.seed);
  const relays = [stage.relay, await stage.addRelay("relay-b")];
  const sessions = Array.from({ length: plan.sessions }, (_, i) => `prune-${i}`);
  const load = startLoad({
    url: () => stage.gateway.url(),
    random,
    writers: sessions.map((session, i) => ({ session, perSecond: plan.perSecond, async: i % 2 === 0 })),
  });
  const user = await stage.broker.connect("prune");
  const operator = await stage.broker.connect("operator");
  const { retentionMs, everyMs } = plan;
  const pruner = startPruner(
    { prune: user, operator },
    { retentionMs, everyMs, sessions, pausedMs: 1500, random },
  );
  for (let kill = 1; kill <= plan.kills; kill++) {
    await delay(plan.calmMs);
    if (kill % 4 === 0) await (await stage.killBroker(200)).restarted;
    else await relays[kill % 2]?.kill9();
  }
  await delay(plan.calmMs);
  await load.stop();
  await pruner.stop(report);
  await judge(stage, load, report);
  report.note("kills of relays and of the broker", String(plan.kills));
  const ends = relays.flatMap((it) => it.surprises);
  report.check("relays that ended by themselves", ends.length === 0, ends.join(", ") || "0");
  const jsm = await jetstreamManager(operator, { checkAPI: false });
  await pruneAll(user, async () => (await jsm.streams.info(EVENTS_STREAM)).state.messages, report);
}
