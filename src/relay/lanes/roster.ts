import { Lane } from "./lane.ts";

/** Lanes with nothing to do that are remembered for their repute; more are forgotten. */
const MAX_IDLE_LANES = 10_000;

/** All lanes of a relay by their session's token. */
export class Roster {
  readonly #lanes = new Map<string, Lane>();
  readonly #isHolding: (token: string) => boolean;

  /** `isHolding`: is the session's pointer being written? The write belongs to this lane object, and events in a new one would be missed. */
  constructor(isHolding: (token: string) => boolean) {
    this.#isHolding = isHolding;
  }

  get size(): number {
    return this.#lanes.size;
  }

  get(token: string): Lane | undefined {
    return this.#lanes.get(token);
  }

  all(): MapIterator<Lane> {
    return this.#lanes.values();
  }

  /** The session's lane, made if there is none. */
  open(session: string, token: string, shard: number): Lane {
    let lane = this.#lanes.get(token);
    if (lane === undefined) this.#lanes.set(token, (lane = new Lane(token, session, shard)));
    return lane;
  }

  /** Forgets a lane that has nothing to do, if there are too many of them. */
  forget(lane: Lane): void {
    if (this.#lanes.size <= MAX_IDLE_LANES || lane.inFlight.length > 0) return;
    if (!this.#isHolding(lane.token)) this.#lanes.delete(lane.token);
  }
}
