import type { HttpErrorCode } from "../../shared/base/errors.ts";

/** A poll that cannot be passed on is answered after this long at the earliest: a runner polls anew at once. */
export const LEAST_HOLD_MS = 1000;
/** The coordinator answers a poll without work after this long; so do we for it. */
export const POLL_MS = 30_000;
/** A poll, and a registration, whose relay says nothing is answered by then: a runner gives up after 35 s. */
export const ANSWER_BY_MS = 31_800;
/** A heartbeat is answered within this time. */
export const HEARTBEAT_MS = 3000;
/** After this long no new try of a registration begins: 25 + a relay's silence of 3 to 4 s < 31.8. */
const REGISTER_TRIES_MS = 25_000;

/** Failures of our own way to the coordinator, and whether the request may have got there all the same. */
const OURS: Partial<Record<HttpErrorCode, "may_have_arrived" | "did_not_arrive">> = {
  relay_unavailable: "did_not_arrive",
  log_unreachable: "did_not_arrive",
  tunnel_busy: "did_not_arrive",
  relay_lost: "may_have_arrived",
  tunnel_broken: "may_have_arrived",
  gateway_stopping: "may_have_arrived",
  internal: "may_have_arrived",
};

/** Does this failure say something of our way only, and nothing of the coordinator? Then a runner need not see it. Pure. */
export function isOurs(code: HttpErrorCode): boolean {
  return OURS[code] !== undefined;
}

/** Could a request that failed so have been carried out? Pure. */
export function mayHaveArrived(code: HttpErrorCode): boolean {
  return OURS[code] !== "did_not_arrive";
}

/** Is nobody there who could pass something on, until a relay is heard again? A full tunnel is none of it. Pure. */
export function breaksTheWay(code: HttpErrorCode): boolean {
  return isOurs(code) && code !== "tunnel_busy" && code !== "gateway_stopping";
}

/**
 * How much longer a held poll waits before the way is looked at again, milliseconds; 0: it is answered now. Never before {@link LEAST_HOLD_MS} or
 * after {@link POLL_MS}. Pure.
 */
export function holdOn(heldMs: number, wayIsBack: boolean): number {
  if (heldMs >= POLL_MS) return 0;
  if (heldMs < LEAST_HOLD_MS) return LEAST_HOLD_MS - heldMs;
  return wayIsBack ? 0 : Math.min(LEAST_HOLD_MS, POLL_MS - heldMs);
}

/** What becomes of a registration whose try failed by our own fault. Pure. */
export function afterFailedRegister(state: {
  elapsedMs: number;
  /** The same was registered before, and its answer is known. */
  known: boolean;
  stopping: boolean;
}): "answer_known" | "try_again" | "give_up" {
  if (state.known) return "answer_known";
  return state.stopping || state.elapsedMs >= REGISTER_TRIES_MS ? "give_up" : "try_again";
}
