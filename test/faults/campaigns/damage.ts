import { randomBytes } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { readDamages, type Damage } from "../../../src/shared/log/state/damage.ts";
import { deadIds } from "../../../src/shared/log/state/dead-letters.ts";
import { ERRORS } from "../../../src/shared/base/errors.ts";
import { OPERATOR_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import { spawnCoordinator, type CoordinatorProcess } from "../../support/coordinator.ts";
import { startDamaged, type DamagedUp } from "../damaged-up.ts";
import { seededRandom } from "../random.ts";
import type { Report } from "../report.ts";
import { EVIDENCE } from "../stage.ts";
import { harmsTo, type Harm } from "../store-harms.ts";

// store-harms.ts says what can happen to a store · damaged-up.ts runs `up` on it

export type DamagePlan = {
  seed: number;
  /** Events that were delivered, and that wait, before the damage. */
  delivered: number;
  waiting: number;
  /** Only kinds of damage whose names contain this, each so often; default: all of them once. */
  only?: { kind: string; times: number };
};

type Sent = { id: string; seq: number };

const STORE = "broker/store/jetstream/$G/streams";
/** Not healed for so long, it stays so. */
const REFUSED_MS = 10_000;
const SESSIONS = 10;
/** A loaded machine takes many times as long as an idle one. */
const PATIENCE_MS = 60_000;

/**
 * Every file of the store removed, truncated and flipped, of a folder that was stopped in order and of a broker that runs and is then killed. What was
 * acknowledged is delivered, dead or named as missing, or `up` refuses with a code of the catalogue.
 */
export async function damage(plan: DamagePlan, report: Report): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), EVIDENCE));
  await using coordinator = await spawnCoordinator();
  const base = join(home, "base");
  const sent = await makeBase(base, coordinator, plan);
  const before = (await coordinator.ledger()).length;
  const { kind = "", times = 1 } = plan.only ?? {};
  const harms = harmsTo(join(base, STORE)).filter(({ name }) => name.includes(kind));
  const all = Array.from({ length: times }, () => seededRandom(plan.seed).shuffled(harms)).flat();
  report.note("kinds of damage", `${harms.length}, to ${sent.length} acknowledged events`);
  await tryAll(false);
  await tryAll(true);
  if (report.failed.length === 0) rmSync(home, { recursive: true, force: true, maxRetries: 3 });

  async function tryAll(running: boolean): Promise<void> {
    const began = performance.now();
    const outcomes = new Map<string, number>();
    for (const harm of all) {
      const kind = await tryOne(harm, running);
      outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
    }
    const counts = [...outcomes].map(([name, count]) => `${name} ${count}`).join(", ");
    const seconds = Math.round((performance.now() - began) / 1000);
    report.note(`outcomes, ${running ? "running" : "stopped"}`, `${counts} in ${seconds} s`);
  }

  async function tryOne(harm: Harm, running: boolean): Promise<Outcome["kind"]> {
    const folder = mkdtempSync(join(home, "copy-"));
    cpSync(base, folder, { recursive: true });
    changeLocks(folder);
    const since = (await coordinator.ledger()).length;
    const outcome = await (running ? whileRunning : whileStopped)(folder, harm, {
      coordinator,
      sent,
      before,
      since,
    });
    if (outcome.kind === "silent" || outcome.kind === "internal")
      report.check(`${harm.name}${running ? ", running" : ""}`, false, `${outcome.text} (${folder})`);
    else rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    return outcome.kind;
  }
}

/** Events delivered, one dead, and events that wait because the coordinator is away; then a stop in order. */
async function makeBase(folder: string, coordinator: CoordinatorProcess, plan: DamagePlan): Promise<Sent[]> {
  await using up = startDamaged(folder, coordinator.url);
  const info = await up.ready();
  if (info === undefined) throw new Error(`up does not start: ${up.said()}`);
  const sent: Sent[] = [];
  const post = async (i: number, more: object = {}): Promise<void> => {
    sent.push(await postEvent(info.gateway, `ses_${i % SESSIONS}`, more));
  };
  for (let i = 0; i < plan.delivered; i++) await post(i);
  await post(0, { error: { code: 1 } });
  await until(async () => (await coordinator.ledger()).length >= plan.delivered + 1);
  await coordinator.setFaults([{ path: "events$", action: { kind: "status", status: 503 } }]);
  for (let i = 0; i < plan.waiting; i++) await post(i);
  await delay(2500); // the relay writes down once a second whose events wait
  return sent;
}

/** New passwords for a copy: a relay of the copy before that ends late must not write what it knows into this one, whose broker has the same port. */
function changeLocks(folder: string): void {
  const file = join(folder, "broker/kept.json");
  const kept = JSON.parse(readFileSync(file, "utf8")) as { passwords: Record<string, string> };
  for (const user of Object.keys(kept.passwords))
    kept.passwords[user] = randomBytes(32).toString("base64url");
  writeFileSync(file, JSON.stringify(kept));
}

type Outcome = { kind: "whole" | "named" | "refused" } | { kind: "silent" | "internal"; text: string };
/** Arrivals up to `before` are of the time before the damage, those after `since` of this copy; what came to other copies does not count. */
type Truth = { coordinator: CoordinatorProcess; sent: readonly Sent[]; before: number; since: number };

async function whileStopped(folder: string, harm: Harm, truth: Truth): Promise<Outcome> {
  harm.to(join(folder, STORE));
  await truth.coordinator.setFaults([]);
  await using up = startDamaged(folder, truth.coordinator.url);
  return await outcomeOf(up, folder, truth);
}

async function whileRunning(folder: string, harm: Harm, truth: Truth): Promise<Outcome> {
  await truth.coordinator.setFaults([{ path: "events$", action: { kind: "status", status: 503 } }]);
  await using up = startDamaged(folder, truth.coordinator.url);
  if ((await up.ready()) === undefined)
    return { kind: "internal", text: `did not start unharmed: ${up.said()}` };
  harm.to(join(folder, STORE));
  process.kill(Number(readFileSync(join(folder, "broker/run/nats-server.pid"), "utf8")), "SIGKILL");
  await truth.coordinator.setFaults([]);
  return await outcomeOf(up, folder, truth);
}

async function outcomeOf(
  up: DamagedUp,
  folder: string,
  { coordinator, sent, before, since }: Truth,
): Promise<Outcome> {
  const info = await up.ready();
  let silent: string | undefined;
  let fresh: Sent[] | undefined;
  const end = performance.now() + PATIENCE_MS;
  while (info !== undefined && !up.ended() && performance.now() < end) {
    const here = await hear(folder, info.nats).catch(() => undefined); // the broker may just start again
    const arrived = (await coordinator.ledger()).filter(
      ({ n, applied }) => applied && (n <= before || n > since),
    );
    const delivered = new Set(arrived.map(({ key }) => key));
    if (here !== undefined && fresh === undefined) {
      const left = leftOf(sent, delivered, here);
      silent = `${left} of ${sent.length} are neither delivered nor named`;
      if (left === 0) fresh = await postToAll(info.gateway).catch(() => undefined);
    }
    if (fresh?.every(({ id }) => delivered.has(id)) && here !== undefined)
      return { kind: here.damages.length > 0 ? "named" : "whole" };
    if (up.refusedMs() >= REFUSED_MS || up.lost()) return { kind: "refused" };
    await delay(250);
  }
  if (up.ended() || info === undefined) {
    await until(async () => up.ended());
    const code = up.code();
    return code !== undefined && code !== "internal" && code in ERRORS
      ? { kind: "refused" }
      : { kind: "internal", text: up.said() };
  }
  const text =
    fresh === undefined ? (silent ?? "the broker does not answer") : "new events are not delivered";
  return { kind: "silent", text };
}

type Heard = { damages: Damage[]; dead: Set<string> };

/** How many events are neither delivered, nor dead, nor named as missing. An event whose envelope cannot be read is dead under its number. */
function leftOf(
  sent: readonly Sent[],
  delivered: ReadonlySet<string | undefined>,
  { damages, dead }: Heard,
): number {
  if (damages.some(({ code }) => code === "dead_letters_gone")) return 0;
  return sent.filter(
    ({ id, seq }) => !delivered.has(id) && !dead.has(id) && !dead.has(`seq-${seq}`) && !isNamed(damages, seq),
  ).length;
}

/** New events of every session: what is left of the log must go on. Throws if one is not taken. */
function postToAll(gateway: string): Promise<Sent[]> {
  return Promise.all(Array.from({ length: SESSIONS }, (_, i) => postEvent(gateway, `ses_${i}`, {})));
}

function isNamed(damages: readonly Damage[], seq: number): boolean {
  return damages.some(({ ranges }) => ranges.some(([from, to]) => from <= seq && seq <= to));
}

async function hear(folder: string, url: string): Promise<Heard> {
  const { passwords } = JSON.parse(readFileSync(join(folder, "broker/kept.json"), "utf8")) as {
    passwords: Record<string, string>;
  };
  const access = { servers: [url], user: "operator", password: passwords["operator"] ?? "" };
  const nc = await connectBroker(access, { name: "campaign", inboxPrefix: OPERATOR_INBOX, timeoutMs: 2000 });
  try {
    const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 2000 });
    return { damages: await readDamages(jsm), dead: await deadIds(jsm) };
  } finally {
    await nc.close();
  }
}

async function postEvent(gateway: string, session: string, more: object): Promise<Sent> {
  const body = {
    session_id: session,
    event_type: "message",
    timestamp: "2026-01-01T00:00:00Z",
    pad: "x".repeat(200),
    ...more,
  };
  const answer = await fetch(`${gateway}/events`, {
    method: "POST",
    headers: { "content-type": "application/json", prefer: "respond-async" },
    body: JSON.stringify(body),
  });
  const accepted = (await answer.json()) as { event_id?: string; stream_seq?: number };
  if (accepted.event_id === undefined || accepted.stream_seq === undefined)
    throw new Error(`not accepted: ${answer.status}`);
  return { id: accepted.event_id, seq: accepted.stream_seq };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not so after ${PATIENCE_MS / 1000} s`);
    await delay(50);
  }
}
