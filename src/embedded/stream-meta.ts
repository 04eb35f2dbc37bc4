import { createHash } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../shared/base/atomic-file.ts";
import { codedError } from "../shared/base/errors.ts";
import type { Logger } from "../shared/base/logger.ts";
import { DEAD_STREAM, EVENTS_STREAM, STATE_STREAM } from "../shared/log/schema/topology.ts";
import { SESSION_STATE_STREAM, SESSIONS_STREAM } from "../shared/session-log/topology.ts";
import { highwayHash64 } from "./highway-hash.ts";
import { readPlain } from "./plain-file.ts";

/** Where nats-server keeps the streams of its one account, below the store folder. */
const STREAMS = "jetstream/$G/streams";
const OURS: ReadonlySet<string> = new Set([
  EVENTS_STREAM,
  DEAD_STREAM,
  STATE_STREAM,
  SESSIONS_STREAM,
  SESSION_STATE_STREAM,
]);

/** The files in the folder of a stream or a consumer. */
export type MetaFiles = {
  /** Name as the folder has it. */
  name: string;
  /** `meta.inf`: what it is. Undefined: there is none. */
  meta: Uint8Array | undefined;
  /** `meta.sum`: its seal. */
  sum: string | undefined;
  /** True if something was stored there. */
  holds: boolean;
};

export type MetaVerdict =
  | { kind: "whole" }
  /** A crash came between writing the two files, or the seal was lost. It can be made again. */
  | { kind: "seal"; sum: string }
  /** The server would skip the stream, and its messages would be lost from view. */
  | { kind: "damaged"; why: string };

/**
 * Judges a stream's folder as nats-server would. The server skips a stream without a correct seal, with no more than a warning (2.15.1), and a new, empty
 * stream would take its place. Pure.
 */
export function judgeMeta({ name, meta, sum, holds }: MetaFiles): MetaVerdict {
  const lost = (why: string): MetaVerdict => (holds ? { kind: "damaged", why } : { kind: "whole" });
  if (meta === undefined || meta.length === 0) return lost("meta.inf is missing or empty");
  if (nameIn(meta) !== name) return lost("meta.inf cannot be read");
  const right = sealOf(name, meta);
  if (sum === right) return { kind: "whole" };
  if (sum === undefined || !/^[0-9a-f]{16}$/.test(sum)) return { kind: "seal", sum: right };
  return lost("meta.inf does not match meta.sum");
}

/** The seal of a `meta.inf`: of a stream by its name, of a consumer by `stream/consumer`. Pure. */
export function sealOf(name: string, meta: Uint8Array): string {
  return highwayHash64(createHash("sha256").update(name).digest(), meta);
}

/**
 * Looks through a store before a server opens it, and gives streams their seal back. Throws `store_damaged` if the server would skip one of our streams that
 * holds something. Consumers are the matter of consumer-state.ts.
 */
export function sealStreams(storeDir: string, log: Logger): void {
  const streams = join(storeDir, STREAMS);
  for (const name of existsSync(streams) ? readdirSync(streams) : []) {
    const folder = join(streams, name);
    const verdict = judgeMeta({
      name,
      meta: read(join(folder, "meta.inf")),
      sum: read(join(folder, "meta.sum"))?.toString("utf8").trim(),
      holds: holdsSomething(join(folder, "msgs")),
    });
    if (verdict.kind === "seal") {
      log.warn(
        { stream: name, folder },
        "restored the missing checksum of a stream; without it the broker would skip the stream",
      );
      replaceFile(join(folder, "meta.sum"), verdict.sum, { flush: true });
    }
    if (verdict.kind !== "damaged") continue;
    const text = `${folder}: ${verdict.why}, so the broker would forget what the stream holds`;
    if (OURS.has(name)) throw codedError("store_damaged", text);
    log.error(
      { stream: name, folder, why: verdict.why, code: "store_damaged" },
      "a stream that does not belong to runner-relay is damaged",
    );
  }
}

function nameIn(meta: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(Buffer.from(meta).toString("utf8"));
    return typeof value === "object" && value !== null && "name" in value ? value.name : undefined;
  } catch {
    return undefined;
  }
}

/** Does the folder have a block that is not empty, or an index? With an index the stream has given numbers, even if every message was removed. */
function holdsSomething(messages: string): boolean {
  if (!existsSync(messages)) return false;
  return readdirSync(messages).some((file) => statSync(join(messages, file)).size > 0);
}

/** Reads a file. Undefined if it is missing, or no plain file. */
function read(file: string): Buffer | undefined {
  const found = readPlain(file);
  return found.kind === "file" ? found.bytes : undefined;
}
