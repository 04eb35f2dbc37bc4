import type { ClientClock } from "./clock.ts";
import { objectIn, SessionClientError } from "./error.ts";
import { pause, type Transport } from "./transport.ts";

const POLL_MS = 200;

/**
 * The state of an accepted event. `pending`: not delivered yet · `delivered`: the coordinator has it · `superseded`: a bind that came too late ·
 * `dead`: the coordinator refused it · `dropped`: it did, and an operator removed the dead letter · `lost`: the log had it and lost it · `gone`: settled longer ago than the gateway's retention · `unknown`: no such
 * event.
 */
export type DeliveryState =
  | "pending"
  | "delivered"
  | "superseded"
  | "dead"
  | "dropped"
  | "lost"
  | "gone"
  | "unknown";

/** A receipt, as far as the client reads it. */
type Receipt = { state: DeliveryState; reason?: string; status?: number };

/**
 * Polls a receipt until the event is settled or `waitMs` are over, and returns the last known state (`pending` if none is known). Throws
 * `dead_letter` if the coordinator refused the event.
 */
export async function awaitDelivery(
  deps: { transport: Transport; clock: ClientClock },
  location: string,
  waitMs: number,
): Promise<DeliveryState> {
  const start = deps.clock.now();
  let state: DeliveryState = "pending";
  for (;;) {
    const body = await receipt(deps.transport, location);
    if (body?.state === "dead") {
      const options = body.status === undefined ? {} : { status: body.status };
      throw new SessionClientError(
        "dead_letter",
        `the coordinator refused the event: ${body.reason}`,
        options,
      );
    }
    state = body?.state ?? state;
    if (state !== "pending" || deps.clock.now() - start + POLL_MS > waitMs) return state;
    await pause(deps.clock, POLL_MS);
  }
}

/** Undefined if the receipt is not available now. That is not a failure of the write, because the event is in the log. */
async function receipt(transport: Transport, location: string): Promise<Receipt | undefined> {
  try {
    const { text } = await transport.once({ method: "GET", path: location });
    return objectIn(text) as Receipt | undefined;
  } catch (error) {
    if (error instanceof SessionClientError && error.status === 410) return { state: "gone" };
    return undefined;
  }
}
