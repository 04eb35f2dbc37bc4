import type { GateState } from "../coordinator/gate.ts";

/** A time in which nothing, or not everything, could be sent. Times are wall clock, milliseconds since 1970. */
export type Trouble = {
  kind: "away" | "paused" | "broker";
  from: number;
  /** Undefined: it lasts. */
  to?: number;
  /** Why it is paused: a code of the error catalogue. */
  code?: string;
  text: string;
};

const MOST = 200;
const MAX_TEXT = 300;

/** What this relay went through since its start, newest last; the oldest are forgotten, but counted. */
export class Timeline {
  readonly #ended: Trouble[] = [];
  #gate: Trouble | undefined;
  #broker: Trouble | undefined;
  #forgotten = 0;

  /** The gate changed its state. */
  gate(state: GateState, wall: number): void {
    if (state.phase === "checking") return;
    if (this.#gate !== undefined) this.#end(this.#gate, wall);
    this.#gate = undefined;
    if (state.phase === "up") return;
    this.#gate = {
      kind: state.phase,
      from: state.since,
      ...(state.phase === "paused" ? { code: state.reason } : {}),
      text: state.text.slice(0, MAX_TEXT),
    };
  }

  broker(connected: boolean, wall: number): void {
    if (!connected) this.#broker ??= { kind: "broker", from: wall, text: "the broker does not answer" };
    else if (this.#broker !== undefined) {
      this.#end(this.#broker, wall);
      this.#broker = undefined;
    }
  }

  /** Newest first: those that last, then those that ended. */
  list(): Trouble[] {
    const lasting = [this.#gate, this.#broker].filter((it) => it !== undefined);
    return [...lasting, ...this.#ended.toReversed()];
  }

  /** Troubles that are not listed any more. */
  get forgotten(): number {
    return this.#forgotten;
  }

  #end(trouble: Trouble, wall: number): void {
    this.#ended.push({ ...trouble, to: Math.max(trouble.from, wall) });
    if (this.#ended.length <= MOST) return;
    this.#ended.shift();
    this.#forgotten++;
  }
}
