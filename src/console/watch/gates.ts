import { STATE_SILENCE_MS, type RelayState } from "../../shared/messages/relay-state.ts";
import type { GateView, RelayView } from "../../shared/messages/standing/relay-view.ts";

/** The gate of all relays together. `unheard`: no relay is heard, so nothing is sent. Times are wall clock, milliseconds since 1970. */
export type WholeGate = GateView | { phase: "unheard"; since: number };

/** Which of several gates is shown: the most urgent one. */
const RANK: Record<GateView["phase"], number> = { paused: 3, away: 2, checking: 1, up: 0 };

/** What relays say of their gates: in their states at once and without the reason, in their views with it. */
export class Gates {
  readonly #gates = new Map<string, GateView>();
  #shown: WholeGate = { phase: "checking" };
  /** Since when no relay is heard: a `clock.now()`, and a wall clock. */
  #silence: { now: number; wall: number } | undefined;

  /** A state came. True if its gate changed; then the relay has to be asked why. `wall`: when it came. */
  heard(state: RelayState, wall: number): boolean {
    const before = this.#gates.get(state.relay);
    const next = gateOfState(state, wall);
    if (before !== undefined && isSame(before, next)) return false;
    this.#gates.set(state.relay, next);
    return true;
  }

  /** A relay was asked. */
  told({ relay, gate }: RelayView): void {
    this.#gates.set(relay, gate);
  }

  /** The broker is away, or is back: that no relay was heard says nothing of relays. */
  listenAnew(): void {
    this.#silence = undefined;
    if (this.#shown.phase === "unheard") this.#shown = { phase: "checking" };
  }

  /**
   * The gate to show, from those of the relays that are heard. A relay that is started again is silent for a moment, so the last gate is
   * kept for {@link STATE_SILENCE_MS}.
   */
  whole(relays: readonly string[], { now, wall }: { now: number; wall: number }): WholeGate {
    for (const relay of this.#gates.keys()) if (!relays.includes(relay)) this.#gates.delete(relay);
    if (this.#gates.size > 0) {
      this.#silence = undefined;
      this.#shown = worstOf([...this.#gates.values()]);
      return this.#shown;
    }
    this.#silence ??= { now, wall };
    if (now - this.#silence.now >= STATE_SILENCE_MS)
      this.#shown = { phase: "unheard", since: this.#silence.wall };
    return this.#shown;
  }
}

/** The same trouble, whatever is said of it in words. Pure. */
function isSame(a: WholeGate, b: WholeGate): boolean {
  if (a.phase !== b.phase) return false;
  const since = (gate: WholeGate): number | undefined => ("since" in gate ? gate.since : undefined);
  const reason = (gate: WholeGate): string | undefined => ("reason" in gate ? gate.reason : undefined);
  return since(a) === since(b) && reason(a) === reason(b);
}

/** As far as a state tells it: the reason in words comes with the relay's view. Pure. */
function gateOfState({ coordinator }: RelayState, wall: number): GateView {
  const { state, reason, since = wall } = coordinator;
  if (state === "up") return { phase: "up" };
  if (reason === "checking") return { phase: "checking" };
  if (state === "away") return { phase: "away", since, text: "" };
  return { phase: "paused", reason: reason ?? "", since, text: "" };
}

function worstOf(gates: readonly GateView[]): GateView {
  return gates.reduce((worst, gate) => (RANK[gate.phase] > RANK[worst.phase] ? gate : worst));
}
