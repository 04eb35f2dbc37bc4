import { readFile } from "node:fs/promises";
import type { StreamConfig } from "@nats-io/jetstream";
import { readSyncAlwaysOfMonitor, type Durability } from "./durability.ts";
import { readSyncAlways } from "./sync-always.ts";
import { errorText } from "../../base/errors.ts";

/** What may be claimed of accepted events, and what speaks against claiming more. */
export type DurabilityReport = { durability: Durability; problems: string[] };

/** Whether the broker syncs every write: known from its configuration or its monitoring page, else why it is not known. */
export type SyncKnowledge = { kind: "always" } | { kind: "not_always" } | { kind: "unknown"; why: string };

const MONITOR_TIMEOUT_MS = 2000;

/** Reads what can be known: `sync_interval` is not in the JetStream API (HONEST-1). */
export async function readSync(sources: { configFile?: string; monitor?: string }): Promise<SyncKnowledge> {
  try {
    if (sources.configFile !== undefined) {
      return { kind: readSyncAlways(await readFile(sources.configFile, "utf8")) ? "always" : "not_always" };
    }
    if (sources.monitor === undefined) {
      const why = "neither RUNNER_RELAY_BROKER_CONFIG nor RUNNER_RELAY_BROKER_MONITOR is set";
      return { kind: "unknown", why };
    }
    const response = await fetch(`${sources.monitor}/jsz?config=1`, {
      signal: AbortSignal.timeout(MONITOR_TIMEOUT_MS),
    });
    if (!response.ok) return { kind: "unknown", why: `the monitoring page answers ${response.status}` };
    return { kind: readSyncAlwaysOfMonitor(await response.json()) ? "always" : "not_always" };
  } catch (error) {
    return { kind: "unknown", why: errorText(error) };
  }
}

/** Judges the log's own settings together with the broker's. Pure. */
export function judgeDurability(sync: SyncKnowledge, stream: StreamConfig): DurabilityReport {
  const problems: string[] = [];
  if (sync.kind === "not_always") {
    problems.push(
      "the broker does not sync every write (sync_interval: always): a power failure loses accepted events",
    );
  }
  if (sync.kind === "unknown") problems.push(`cannot verify that the broker syncs every write: ${sync.why}`);
  if (stream.storage !== "file")
    problems.push(`storage is ${stream.storage}: a restart loses accepted events`);
  if (stream.persist_mode === "async")
    problems.push("persist_mode is async: writes are acknowledged before they are stored");
  if (stream.discard !== "new") problems.push(`discard is ${stream.discard}: a full log deletes old events`);
  if (stream.max_age > 0) problems.push("max_age is set: old events are deleted, settled or not");
  if (stream.num_replicas === 2) problems.push("2 replicas do not survive the failure of one; use 1 or 3");
  return { durability: problems.length === 0 ? "fsync" : "unverified", problems };
}
