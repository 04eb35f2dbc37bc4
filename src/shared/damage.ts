import type { JetStreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/nats-core";
import type { ErrorCode } from "./errors.ts";
import { decodeStates } from "./state-store.ts";
import { STATE_BUCKET, stateKey } from "./topology.ts";

/** What can be found damaged. */
export type DamageCode = Extract<ErrorCode, "log_shortened">;

/** Something that was stored and is gone, in KV under `stateKey.damage(id)`, so that status, doctor, metrics and page say it (ADR 0013). */
export type Damage = {
  v: 1;
  /** The same damage, found twice, is written once. */
  id: string;
  code: DamageCode;
  /** When it was noticed, milliseconds since 1970. */
  at: number;
  /** How many messages are missing. */
  missing: number;
  /** Their numbers, first and last. */
  ranges: [number, number][];
  /** At least so many of the missing ones had ended: delivered, superseded or dead. */
  settled: number;
};

/** An alarm that nobody ends by `nats kv del` ends by itself, after four times the retention. */
const KEPT_SECONDS: number = 28 * 24 * 60 * 60;
const TIMEOUT_MS = 3000;

/** Remembers it. Idempotent. */
export async function recordDamage(nc: NatsConnection, damage: Damage): Promise<void> {
  const head = headers();
  head.set("Nats-TTL", `${KEPT_SECONDS}s`);
  const subject = `$KV.${STATE_BUCKET}.${stateKey.damage(damage.id)}`;
  const reply = await nc.request(subject, JSON.stringify(damage), { headers: head, timeout: TIMEOUT_MS });
  const { error } = reply.json<{ error?: { description?: string } }>();
  if (error !== undefined) throw new Error(`damage not recorded: ${error.description ?? "refused"}`);
}

/** Everything that was found damaged and is remembered, oldest first. */
export async function readDamages(jsm: JetStreamManager): Promise<Damage[]> {
  const found = await decodeStates(jsm, stateKey.damage("*"), ({ value }) => decodeDamage(value));
  return [...found.values()].filter((damage) => damage !== undefined).sort((a, b) => a.at - b.at);
}

/** Undefined for what this version cannot read: an alarm that is not understood must not hide the others. */
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
export function damageText({ code, missing, ranges, settled }: Damage): string {
  const where = ranges.map(([from, to]) => (from === to ? `${from}` : `${from} to ${to}`)).join(", ");
  const ended = settled === 0 ? "" : `; at least ${settled} of them had been delivered or were dead`;
  switch (code) {
    case "log_shortened":
      return `the log lost its end: ${missing} stored events are gone, sequences ${where}${ended}`;
  }
}

/** What to do about it. Pure. */
export function damageAdvice(damage: Damage): string {
  const end = `\`nats kv del ${STATE_BUCKET} ${stateKey.damage(damage.id)}\` ends the alarm`;
  switch (damage.code) {
    case "log_shortened":
      return `look at the disk and at the broker's \`sync_interval\`; restore a backup where there is one, or \`reconcile\` the sessions; ${end}`;
  }
}
