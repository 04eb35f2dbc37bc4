import { readFile } from "node:fs/promises";
import type { StreamConfig } from "@nats-io/jetstream";
import { keepsNoLog, readSyncAlwaysOfMonitor, type Durability } from "./durability.ts";
import { readSyncAlways } from "./sync-always.ts";
import { readUrls } from "../../base/config/setting.ts";
import { errorText } from "../../base/errors.ts";

/** What may be claimed of accepted events, and what speaks against claiming more. */
export type DurabilityReport = { durability: Durability; problems: string[] };

/** Whether the broker syncs every write: known from its configuration or its monitoring page, else why it is not known. */
export type SyncKnowledge = { kind: "always" } | { kind: "not_always" } | { kind: "unknown"; why: string };

const MONITOR_TIMEOUT_MS = 2000;

/** Where it can be read: the broker's configuration file, or else the monitoring page of each of its servers, separated by commas. */
export type SyncSources = { configFile?: string | undefined; monitor?: string | undefined };

/** Reads what can be known: `sync_interval` is not in the JetStream API (HONEST-1). */
export async function readSync({ configFile, monitor }: SyncSources): Promise<SyncKnowledge> {
  try {
    if (configFile !== undefined)
      return { kind: readSyncAlways(await readFile(configFile, "utf8")) ? "always" : "not_always" };
  } catch (error) {
    return { kind: "unknown", why: errorText(error) };
  }
  if (monitor === undefined) {
    const why = "neither RUNNER_RELAY_BROKER_CONFIG nor RUNNER_RELAY_BROKER_MONITOR is set";
    return { kind: "unknown", why };
  }
  return ofAll(await Promise.all(readUrls(monitor).map(ask)));
}

/** What one server says. */
async function ask(url: string): Promise<SyncKnowledge> {
  try {
    const response = await fetch(`${url}/jsz?config=1`, { signal: AbortSignal.timeout(MONITOR_TIMEOUT_MS) });
    if (!response.ok)
      return { kind: "unknown", why: `the monitoring page ${url} answers ${response.status}` };
    const jsz: unknown = await response.json();
    if (keepsNoLog(jsz))
      return {
        kind: "unknown",
        why: `${url} is the page of a server without JetStream; the log is kept by another one`,
      };
    return { kind: readSyncAlwaysOfMonitor(jsz) ? "always" : "not_always" };
  } catch (error) {
    return { kind: "unknown", why: `the monitoring page ${url}: ${errorText(error)}` };
  }
}

/**
 * What servers that replicate say together. Each counts: after a power failure of all of them, one that did not sync may have forgotten, and be elected
 * before those that know more are there. Pure.
 */
export function ofAll(known: readonly SyncKnowledge[]): SyncKnowledge {
  return (
    known.find(({ kind }) => kind === "not_always") ??
    known.find(({ kind }) => kind === "unknown") ?? { kind: "always" }
  );
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
