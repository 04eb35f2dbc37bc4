import type { ConsumerConfig, Republish, StreamConfig, StreamUpdateConfig } from "@nats-io/jetstream";
import { LEAST_ACK_PENDING, MAX_ACK_PENDING } from "../schema/topology.ts";
import type { ConsumerPlan, StreamPlan } from "./streams.ts";

/** How an existing stream compares with the plan. `differences` are settings that `provision` must not change; if there are any, it changes nothing at all. */
export type StreamComparison = {
  /** The settings to enlarge; undefined if there are none. */
  widen: Partial<StreamUpdateConfig> | undefined;
  differences: string[];
};

/** Settings that must be equal, with the meaning of an absent one. `provision` only widens (docs/contract.md, "The log"). */
const EQUAL = {
  retention: "limits",
  storage: "file",
  discard: "new",
  max_age: 0,
  max_msgs: -1,
  max_msgs_per_subject: -1,
} as const;
/** Settings that would lose or freeze events, and that the plan does not ask for. */
const FORBIDDEN = [
  "sealed",
  "no_ack",
  "deny_delete",
  "deny_purge",
  "discard_new_per_subject",
  "allow_msg_ttl",
] as const;
const SWITCHES = ["allow_direct", "allow_atomic", "allow_msg_ttl"] as const;
/** Settings that may be larger than planned. A larger existing value stays as it is. */
const AMOUNTS = ["max_bytes", "num_replicas", "duplicate_window"] as const;

/** Compares an existing stream with what it must be. Pure. */
export function compareStream(plan: StreamPlan, existing: StreamConfig): StreamComparison {
  const differences: string[] = [];
  const widen: Partial<StreamUpdateConfig> = {};
  for (const [name, fallback] of entries(EQUAL)) {
    const wanted = plan[name] ?? fallback;
    const found = existing[name] ?? fallback;
    if (found !== wanted) differences.push(`${name} is ${found}, must be ${wanted}`);
  }
  for (const name of FORBIDDEN) {
    if (existing[name] && !("allow_msg_ttl" === name && plan.allow_msg_ttl))
      differences.push(`${name} is set`);
  }
  if (existing.persist_mode === "async")
    differences.push("persist_mode is async, which acknowledges too early");
  if (existing.mirror) differences.push("it is a mirror");
  if (existing.max_bytes <= 0)
    differences.push("max_bytes is unlimited, so that a full disk would stop the broker");
  const limit = existing.max_msg_size ?? -1;
  if (limit > 0) differences.push(`max_msg_size is ${limit}, must be unlimited`);

  for (const name of SWITCHES) {
    if (plan[name] && !existing[name]) widen[name] = true;
  }
  for (const name of AMOUNTS) {
    const wanted = plan[name];
    if (wanted !== undefined && existing[name] > 0 && wanted > existing[name]) widen[name] = wanted;
  }
  if (plan.republish) {
    if (!existing.republish) widen.republish = plan.republish;
    else if (!isSameRepublish(plan.republish, existing.republish))
      differences.push(`republish is ${show(existing.republish)}, must be ${show(plan.republish)}`);
  }
  const subjects = existing.subjects ?? [];
  const missing = plan.subjects.filter((subject) => !subjects.includes(subject));
  if (missing.length > 0) widen.subjects = [...subjects, ...missing];
  return { widen: Object.keys(widen).length > 0 ? widen : undefined, differences };
}

/** The broker adds fields of its own to what was asked for. */
function isSameRepublish(a: Republish, b: Republish): boolean {
  return a.src === b.src && a.dest === b.dest && Boolean(a.headers_only) === Boolean(b.headers_only);
}

/** How an existing consumer differs from what it must be. Where it starts is not compared: that was decided when it was made. Pure. */
export function compareConsumer(plan: ConsumerPlan, existing: ConsumerConfig): string[] {
  const differences: string[] = [];
  const found: Record<string, unknown> = { ...existing };
  if (existing.filter_subject) found["filter_subjects"] = [existing.filter_subject];
  for (const [name, wanted] of Object.entries(plan)) {
    if (name === "deliver_policy" || (name === "max_ack_pending" && isTolerable(existing))) continue;
    const [a, b] = [show(found[name]), show(wanted)];
    if (a !== b) differences.push(`${name} is ${a}, must be ${b}`);
  }
  if (existing.deliver_policy !== "by_start_sequence" && existing.deliver_policy !== "all") {
    differences.push(`deliver_policy is ${existing.deliver_policy}, which cannot be reset`);
  }
  if (existing.deliver_subject) differences.push("it is a push consumer");
  if (existing.inactive_threshold) differences.push("inactive_threshold is set, so that it could vanish");
  if (existing.mem_storage) differences.push("mem_storage is set");
  if (existing.headers_only) differences.push("headers_only is set");
  if (existing.backoff?.length) differences.push("backoff is set, which reorders");
  return differences;
}

/** A broker may allow less than we want. Then provisioning widens as far as the broker allows, and says what follows from that. */
function isTolerable({ max_ack_pending: found = 0 }: ConsumerConfig): boolean {
  return found >= LEAST_ACK_PENDING && found <= MAX_ACK_PENDING;
}

function show(value: unknown): string {
  if (Array.isArray(value)) return [...value].map(String).sort().join(" ");
  return value === undefined ? "unset" : JSON.stringify(value);
}

function entries<T extends object>(value: T): [keyof T & string, T[keyof T]][] {
  return Object.entries(value) as [keyof T & string, T[keyof T]][];
}
