import { setTimeout as delay } from "node:timers/promises";
import { allInStep } from "../../support/cluster-leaders.ts";
import { ms, type Report } from "../report.ts";
import { onCluster, type ClusterHome } from "./home.ts";

const LOOK_MS = 500;
/** Every server is asked twice in this time. */
const NOTICED_MS = 70_000;

/** What is said of stored events while one of three servers does not sync, or does not tell (HONEST-1). */
export async function durability(report: Report): Promise<void> {
  await onCluster(report, (home) => play(home, report), {
    syncs: true,
    gatewayEnv: ({ monitors }) => ({ RUNNER_RELAY_BROKER_MONITOR: monitors.join(",") }),
  });
}

async function play(home: ClusterHome, report: Report): Promise<void> {
  const { cluster, jsm } = home;
  const steps: [what: string, to: string, change: () => Promise<void>][] = [
    ["three servers that sync", "fsync", async () => undefined],
    ["one was restarted without syncing", "unverified", () => replaced(home, 2, false)],
    ["it syncs again", "fsync", () => replaced(home, 2, true)],
    ["another one is away", "unverified", () => cluster.crash(1)],
    ["it is back", "fsync", () => cluster.start(1).then(() => allInStep(jsm))],
  ];
  for (const [what, wanted, change] of steps) {
    await change();
    const from = performance.now();
    let said = await said202(home);
    while (said !== wanted && performance.now() - from < NOTICED_MS) {
      await delay(LOOK_MS);
      said = await said202(home);
    }
    report.check(`durability: ${what}`, said === wanted, `${said}, after ${ms(performance.now() - from)}`);
  }
}

/** Kills a server, and starts it with another setting. */
async function replaced({ cluster, jsm }: ClusterHome, server: number, syncs: boolean): Promise<void> {
  await cluster.crash(server);
  await cluster.start(server, syncs);
  await allInStep(jsm);
}

/** What the answer to an event says. */
async function said202({ gateway }: ClusterHome): Promise<string> {
  const answer = await fetch(`${gateway.url()}/events`, {
    method: "POST",
    headers: { "content-type": "application/json", prefer: "respond-async" },
    body: JSON.stringify({ session_id: "durability", event_type: "message" }),
  });
  const { durability: said = answer.status } = (await answer.json()) as { durability?: string };
  return String(said);
}
