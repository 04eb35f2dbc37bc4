import { JetStreamApiError } from "@nats-io/jetstream";
import { errorText, isCoded, isHttpCode } from "../../shared/base/errors.ts";
import { createLeader } from "../../shared/session-log/follow/leader.ts";
import { refuse, type Refusal } from "../access/caller.ts";
import type { CoreDeps, Within } from "./deps.ts";

/** How long a request waits for a broker that is away. One that restarts is back in less than a second; clients give up after some seconds. */
const PATIENCE_MS = 5000;

/**
 * Does the work of one request, for `patienceMs` at most. What the broker says or does not say becomes a refusal. After `log_unreachable` nobody knows whether an append is
 * stored: the client repeats it with the same id.
 */
export async function withPatience<T>(
  deps: CoreDeps,
  work: (within: Within) => Promise<T | Refusal>,
  patienceMs: number = PATIENCE_MS,
): Promise<T | Refusal> {
  const { jsm, clock } = deps;
  const late = new AbortController();
  const cancel = clock.after(patienceMs, () => late.abort());
  const signal = AbortSignal.any([deps.signal, late.signal]);
  try {
    return await work({ ...deps, signal, leader: createLeader({ jsm, clock, signal }) });
  } catch (error) {
    const refusal = refusalFor(error, {
      stopping: deps.signal.aborted,
      late: late.signal.aborted && patienceMs,
    });
    if (refusal === undefined) throw error;
    return refusal;
  } finally {
    cancel();
  }
}

/** The refusal for what was thrown; undefined for what nobody expects. Pure. */
function refusalFor(
  error: unknown,
  { stopping, late }: { stopping: boolean; late: number | false },
): Refusal | undefined {
  if (isCoded(error)) return isHttpCode(error.code) ? refuse(error.code, error.message) : undefined;
  if (error instanceof JetStreamApiError) return refuse("log_refused", errorText(error));
  if (stopping) return refuse("gateway_stopping", "the server is stopping; repeat the request");
  if (late !== false) return refuse("log_unreachable", `the log did not answer within ${late} ms`);
  return undefined;
}
