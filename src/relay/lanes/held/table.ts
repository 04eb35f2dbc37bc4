import type { HeldReason } from "../../../shared/log/state/held.ts";
import { FREE, type Change, type HeldState, type Pointer } from "./state.ts";

/**
 * The sessions that have a pointer, or had one that is remembered. All others are free and have no entry, so that an event of a session that is not held
 * costs one look into this table and nothing else.
 */
export class HeldTable {
  readonly #states = new Map<string, HeldState>();

  has(token: string): boolean {
    return this.#states.has(token);
  }

  get(token: string): HeldState {
    return this.#states.get(token) ?? FREE;
  }

  set(token: string, state: HeldState): void {
    if (state.name === "free") this.#states.delete(token);
    else this.#states.set(token, state);
  }

  entries(): MapIterator<[string, HeldState]> {
    return this.#states.entries();
  }

  /** The pointer of a session that is held. */
  pointer(token: string): Pointer | undefined {
    return pointerOf(this.get(token));
  }

  reason(token: string): HeldReason | undefined {
    return this.pointer(token)?.record.reason;
  }

  /** The pointers of all held sessions. */
  *pointers(): Generator<Pointer> {
    for (const state of this.#states.values()) {
      const pointer = pointerOf(state);
      if (pointer !== undefined) yield pointer;
    }
  }

  /** The change that holds a session, or holds it for another reason, while it is under way. */
  change(token: string): Change | undefined {
    const state = this.get(token);
    if (state.name === "leaving") return state.next;
    return state.name === "entering" || state.name === "draining" ? state.change : undefined;
  }
}

function pointerOf(state: HeldState): Pointer | undefined {
  return state.name === "draining" || state.name === "standing" ? state.pointer : undefined;
}
