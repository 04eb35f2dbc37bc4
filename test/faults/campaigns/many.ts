import { SHARDS } from "../../support/eight-shards.ts";
import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { fillLog } from "../../../bench/fill.ts";
import { createDeadLetters } from "../../../src/relay/coordinator/dead-letters.ts";
import { DEAD_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { runCommand, type Done } from "../command.ts";
import { ms, type Report } from "../report.ts";
import { onStage, type Stage } from "../stage.ts";

export type ManyOptions = {
  letters: number;
  sessions: number;
  /** Of each session. */
  events: number;
};

/** Commands that read much must not keep it (BOUND-1): Node itself takes some 60 MB, the heap 80, pages of 8 MiB come on top. */
const MOST_MEMORY: number = 200 * 1024 ** 2;
/** Letters put at once. */
const AT_ONCE = 64;
const DRAIN_MS = 300_000;

/** A hundred thousand dead letters, fifty thousand sessions: operators' commands neither grow nor take for ever. */
export async function many(options: ManyOptions, report: Report): Promise<void> {
  await onStage(report, async (stage) => {
    await sessions(options, report, stage);
    await letters(options, report, stage);
  });
}

async function letters({ letters: count }: ManyOptions, report: Report, { broker }: Stage): Promise<void> {
  const nc = await broker.connect("relay");
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const dead = createDeadLetters(nc, jsm, SHARDS);
  const payload = Buffer.alloc(500, 1);
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) {
        const n = next++;
        const [id, session] = [`e${n}`, `s${n % 1000}`];
        const death = { reason: "422: field required", status: 422, attempts: 1 };
        const stored = await dead.put({
          id,
          runner: "r",
          session,
          kind: "event",
          seq: n + 1,
          payload,
          death,
        });
        if (stored.kind === "refused") throw new Error(stored.reason);
      }
    }),
  );
  told(report, "dead ls", await runCommand(broker, "dead", "ls"), ({ stdout }) =>
    stdout.includes(`\n${count - 50} more`),
  );
  told(
    report,
    "dead ls --json",
    await runCommand(broker, "dead", "ls", "--json"),
    ({ stdout }) => stdout.endsWith("}\n") && stdout.split("\n").length === count + 1,
  );
  told(
    report,
    "dead ls --session",
    await runCommand(broker, "dead", "ls", "--session", "s7", "--json"),
    ({ stdout }) => stdout.split("\n").length === count / 1000 + 1,
  );
  told(
    report,
    "dead redrive of one session, dry run",
    await runCommand(broker, "dead", "redrive", "--session", "s7", "--dry-run"),
    ({ code }) => code === 0,
  );
  const dropped = await runCommand(broker, "dead", "drop", "--all", "--yes");
  const { messages } = (await jsm.streams.info(DEAD_STREAM)).state;
  told(
    report,
    "dead drop --all",
    dropped,
    ({ stdout }) => messages === 0 && stdout === `dropped ${count} dead letters\n`,
  );
}

async function sessions(options: ManyOptions, report: Report, stage: Stage): Promise<void> {
  const { broker, coordinator } = stage;
  const all = options.sessions * options.events;
  await fillLog(await broker.connect("gateway"), { events: all, sessions: options.sessions, prefix: "many" });
  const end = performance.now() + DRAIN_MS;
  while ((await stage.arrivals()).length < all && performance.now() < end) await delay(1000);
  await delay(1500); // the last checkpoints
  const summary = ({ stdout }: Done): Record<string, number> =>
    JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as Record<string, number>;
  const healthy = await runCommand(broker, "reconcile", "--all", "--json");
  told(report, "reconcile --all", healthy, (done) => {
    const { sessions: seen, compared, missing, unavailable } = summary(done);
    return seen === options.sessions && compared === all && missing === 0 && unavailable === 0;
  });
  report.note("its summary", JSON.stringify(summary(healthy)));
  await coordinator.kill9();
  await coordinator.start(); // it knows nothing any more
  const lost = await runCommand(broker, "reconcile", "--all", "--json");
  told(
    report,
    "reconcile --all, every session unknown",
    lost,
    (done) => summary(done)["unknownSessions"] === options.sessions,
  );
}

function told(report: Report, name: string, done: Done, right: (done: Done) => boolean): void {
  const ok = right(done) && done.peak <= MOST_MEMORY;
  report.check(
    name,
    ok,
    `${ms(done.ms)}, ${Math.round(done.peak / 1024 ** 2)} MB at most, exit code ${done.code}`,
  );
}
