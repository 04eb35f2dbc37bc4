import type { JetStreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/nats-core";
import type { ErrorCode } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";
import { decodeStates } from "./state-store.ts";
import { STATE_BUCKET, stateKey } from "../schema/topology.ts";

/** What can be found damaged. */
export const DAMAGE_CODES = [
  "log_shortened",
  "log_holes",
  "log_gone",
  "dead_letters_gone",
  "state_damaged",
] as const satisfies readonly ErrorCode[];
export type DamageCode = (typeof DAMAGE_CODES)[number];

/** Something that was stored and is gone. It is kept in KV under `stateKey.damage(id)` for status, doctor, metrics and the page (ADR 0013). */
export type Damage = {
  v: 1;
  /** Made from the damage itself, so that the same damage found twice is written once. */
  id: string;
  code: DamageCode;
  /** When it was noticed, milliseconds since 1970. */
  at: number;
  /** How many messages are missing. */
  missing: number;
  /** Their numbers, first and last. */
  ranges: [number, number][];
  /** How many of the missing messages, at least, had been settled: delivered, superseded or dead. */
  settled: number;
  /** Sessions whose waiting events are among the missing ones, as far as a relay had reported them; those with most events first. */
  sessions: [session: string, events: number][];
  /** What else is known, for people. */
  note?: string;
};

/** Sessions that a record names at most. */
export const MOST_SESSIONS = 100;
/** Sessions that are named in one line. */
const SHOWN_SESSIONS = 10;
/** Ranges that are named in one line. */
const SHOWN_RANGES = 10;

/** An alarm ends by `nats kv del`, or by itself after four times the retention. */
const KEPT_SECONDS: number = 28 * 24 * 60 * 60;
const TIMEOUT_MS = 3000;

/** Writes the damage down. Idempotent. */
export async function recordDamage(nc: NatsConnection, damage: Damage): Promise<void> {
  const head = headers();
  head.set("Nats-TTL", `${KEPT_SECONDS}s`);
  const subject = `$KV.${STATE_BUCKET}.${stateKey.damage(damage.id)}`;
  const reply = await nc.request(subject, JSON.stringify(damage), { headers: head, timeout: TIMEOUT_MS });
  const { error } = reply.json<{ error?: { description?: string } }>();
  if (error !== undefined)
    throw new Error(`the damage could not be recorded: ${error.description ?? "refused"}`);
}

/** All damage that is written down, oldest first. */
export async function readDamages(jsm: JetStreamManager): Promise<Damage[]> {
  const found = await decodeStates(jsm, stateKey.damage("*"), ({ value }) => decodeDamage(value));
  return [...found.values()].filter((damage) => damage !== undefined).sort((a, b) => a.at - b.at);
}

/** Undefined for a record that this version cannot read: one such alarm must not hide the others. */
function decodeDamage(value: Uint8Array): Damage | undefined {
  try {
    const damage = JSON.parse(new TextDecoder().decode(value)) as Partial<Damage>;
    return damage.v === 1 && typeof damage.code === "string" && Array.isArray(damage.ranges)
      ? (damage as Damage)
      : undefined;
  } catch {
    return undefined;
  }
}

/** What is missing, in one line for people. Pure. */
export function damageText(damage: Damage): string {
  const { code, missing, ranges, settled, sessions, note } = damage;
  const ended = settled === 0 ? "" : `; at least ${settled} of them had been delivered or were dead`;
  const where = ranges.length === 0 ? "" : `, sequences ${listed(ranges.map(showRange), SHOWN_RANGES)}`;
  const names = sessions.map(([session, events]) => `${session} (${events})`);
  const whose =
    names.length === 0 ? "" : `; these sessions had pending events: ${listed(names, SHOWN_SESSIONS)}`;
  const more = note === undefined ? "" : `; ${note}`;
  return `${headOf(code, missing)}${where}${ended}${whose}${more}`;
}

function headOf(code: DamageCode, missing: number): string {
  const events = `${missing} stored event${missing === 1 ? " is" : "s are"} gone`;
  switch (code) {
    case "log_shortened":
      return `the log lost its end: ${events}`;
    case "log_holes":
      return `events are missing in the middle of the log: ${events}`;
    case "log_gone":
      return `the log was gone and a new one was created: ${events}`;
    case "dead_letters_gone":
      return `${missing} dead letter${missing === 1 ? " is" : "s are"} missing, and nobody is known to have removed ${missing === 1 ? "it" : "them"}`;
    case "state_damaged":
      return `the relays' state lost ${missing} entr${missing === 1 ? "y" : "ies"}`;
  }
}

function showRange([from, to]: [number, number]): string {
  return from === to ? `${from}` : `${from} to ${to}`;
}

function listed(names: readonly string[], most: number): string {
  const more = names.length - most;
  return more > 0 ? `${names.slice(0, most).join(", ")} and ${more} more` : names.join(", ");
}

/** Writes the damage into the process's log. */
export function tellDamage(log: Pick<Logger, "error">, damage: Damage): void {
  const { code, id, missing, settled, sessions } = damage;
  const fields = {
    code,
    id,
    missing,
    settled,
    sessions,
    text: damageText(damage),
    advice: damageAdvice(damage),
  };
  log.error(fields, "damaged");
}

/** What to do about it. Pure. */
export function damageAdvice({ id }: Pick<Damage, "id">): string {
  return `check the disk and the broker's \`sync_interval\`; restore a backup if there is one, or \`reconcile\` the sessions; \`nats kv del ${STATE_BUCKET} ${stateKey.damage(id)}\` ends the alarm`;
}
