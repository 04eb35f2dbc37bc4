import type { HttpErrorCode } from "../../shared/base/errors.ts";

/** A poll that cannot be passed on is answered after this time at the earliest, because the runner sends the next one at once. */
export const LEAST_HOLD_MS = 1000;
/** The coordinator answers a poll without work after this time, and so do we. */
export const POLL_MS = 30_000;
/** A poll or a registration is answered by then, even if its relay says nothing. A runner gives up after 35 s. */
export const ANSWER_BY_MS = 31_800;
/** A heartbeat is answered within this time. */
export const HEARTBEAT_MS = 3000;
/** After this time no new try of a registration begins: 25 s, and 3 to 4 s until a silent relay is noticed, are less than 31.8 s. */
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

/** Is this a failure of broker or relay, which says nothing about the coordinator? Then it is hidden from the runner. Pure. */
export function isOurs(code: HttpErrorCode): boolean {
  return OURS[code] !== undefined;
}

/** Could the coordinator have carried out a request that failed with this code? Pure. */
export function mayHaveArrived(code: HttpErrorCode): boolean {
  return OURS[code] !== "did_not_arrive";
}

/** Does this failure mean that nothing can be passed on until a relay is heard again? A tunnel that is full does not mean that. Pure. */
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

/** What becomes of a registration that broker or relay failed to pass on. Pure. */
export function afterFailedRegister(state: {
  elapsedMs: number;
  /** The same was registered before, and its answer is known. */
  known: boolean;
  stopping: boolean;
}): "answer_known" | "try_again" | "give_up" {
  if (state.known) return "answer_known";
  return state.stopping || state.elapsedMs >= REGISTER_TRIES_MS ? "give_up" : "try_again";
}
