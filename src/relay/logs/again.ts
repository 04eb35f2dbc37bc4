import type { ErrorCode } from "../../shared/base/errors.ts";

/** Errors that do not end by themselves. A relay of one log ends with them, and its supervisor does not start it again. */
export const NEEDS_SOMEBODY: readonly ErrorCode[] = [
  "config_invalid",
  "broker_refused",
  "checkpoint_missing",
  "checkpoint_mismatch",
  "coordinator_changed",
  "schema_newer",
  "listen_refused",
  "port_taken",
];

/**
 * Does somebody have to do something before the log can be served? So does a name that another relay has; but the process of one relay is started again
 * then, because the other one may be the one before it, which still ends. Pure.
 */
export function needsSomebody(code: ErrorCode): boolean {
  return code === "relay_name_taken" || NEEDS_SOMEBODY.includes(code);
}

/** A host that is back is served within 5 s and the start itself. A hundred of them that are away are asked for 20 times a second. */
const AWAY = { firstMs: 250, mostMs: 5000 };
/** What an operator mended is noticed within a minute. */
const BROKEN = { firstMs: 5000, mostMs: 60_000 };

/**
 * How long to wait before a log is tried again, milliseconds: twice as long each time, and up to a quarter less, so that logs that failed together are not
 * all tried at the same moment. `failures`: how often it failed without having been served for a while; `random` in [0, 1). Pure.
 */
export function pauseBefore(failures: number, code: ErrorCode, random: number): number {
  const { firstMs, mostMs } = needsSomebody(code) ? BROKEN : AWAY;
  return Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 20)) * (1 - random / 4);
}
