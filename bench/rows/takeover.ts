import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { provisionSessions } from "../../src/shared/session-log/provision.ts";
import { keyOf, keySubject } from "../../src/shared/session-log/state/keys.ts";
import { outSubject } from "../../src/shared/session-log/subjects.ts";
import { SESSION_STATE_STREAM, SESSIONS_STREAM } from "../../src/shared/session-log/topology.ts";
import { unfinishedSessions } from "../../src/shared/session-log/turns/unfinished.ts";
import { startPeer } from "../peer.ts";
import type { TurnsJob, TurnsRun } from "../peers/turns.ts";
import { startLog, startServe, startWorker, type Product } from "../product.ts";
import { median } from "../rounds.ts";
import type { Row } from "../row.ts";

/** With a turn each when their worker dies. */
const SESSIONS = 10;

/** How long sessions have no owner whose worker was killed: from its last renewal to the new owner's first word, both as the broker stored them. */
export const takeover: Row = {
  name: "takeover",
  async run({ quick, profile, report }) {
    await using broker = await startLog(true);
    await provisionSessions(await broker.connect("admin"), { replicas: 1, isNew: true });
    const jsm = await jetstreamManager(await broker.connect("serve"), { checkAPI: false });
    const key = randomBytes(16).toString("hex");
    const dataDir = await mkdtemp(join(tmpdir(), "rr-bench-"));
    await using serve = await startServe(broker, key, profile);
    await using peer = await startPeer<TurnsJob, TurnsRun>("turns", [key]);
    const start = (): Promise<Product> => startWorker(broker, { dataDir, agentUrl: peer.url }, profile);
    let worker = await start();
    const samples: number[] = [];
    for (let i = 0; i < (quick ? 2 : 5); i++) {
      await peer.ask({ kind: "open", url: serve.url, sessions: SESSIONS });
      await peer.ask({ kind: "hang" });
      const next = await start();
      samples.push(...(await killed(jsm, worker)));
      worker = next;
    }
    await worker[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
    report({
      row: "takeover",
      what: "sessions of a killed worker, from its last renewal",
      value: Math.max(...samples),
      unit: "ms",
      budget: { bound: 5000, stretch: 4500, better: "less" },
      detail: `the slowest of ${samples.length}; median ${Math.round(median(samples))} ms`,
      samples,
    });
  },
};

/** Kills a worker; for each of its sessions the time until another one has it, milliseconds. */
async function killed(jsm: JetStreamManager, { pid }: Product): Promise<number[]> {
  process.kill(pid, "SIGKILL");
  return await Promise.all(
    (await unfinishedSessions(jsm)).map(async (session) => {
      const last_by_subj = keySubject(keyOf.lease(session));
      const renewed = await jsm.streams.getMessage(SESSION_STATE_STREAM, { last_by_subj });
      const before = renewed?.time.getTime() ?? NaN;
      for (;;) {
        const owner = await jsm.streams.getMessage(SESSIONS_STREAM, {
          last_by_subj: outSubject(session, "owner"),
        });
        const after = owner?.time.getTime() ?? 0;
        if (after > before) return after - before;
        await delay(100);
      }
    }),
  );
}
