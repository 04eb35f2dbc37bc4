import type { WholeGate } from "./gates.ts";

/** A time in which nothing, or not everything, could be sent. Times are wall clock, milliseconds since 1970. */
export type Trouble = {
  kind: "away" | "paused" | "broker" | "unheard";
  from: number;
  /** Undefined: it lasts. */
  to?: number;
  /** Why it is paused: a code of the error catalogue. */
  code?: string;
  text: string;
};

const MOST = 200;
const MAX_TEXT = 300;

/** What relays went through while the console watched, newest last; the oldest are forgotten, but counted. */
export class Timeline {
  readonly #ended: Trouble[] = [];
  #gate: Trouble | undefined;
  #broker: Trouble | undefined;
  #forgotten = 0;

  /** The gate as it is now; another one than before, or the same with a reason that was not known yet. */
  gate(gate: WholeGate, wall: number): void {
    if (gate.phase === "checking") return;
    const next = troubleOf(gate);
    const before = this.#gate;
    if (before !== undefined && next !== undefined && isSame(before, next)) {
      if (next.text !== "") this.#gate = next;
      return;
    }
    if (before !== undefined) this.#end(before, wall);
    this.#gate = next;
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

/** Undefined where there is none. Pure. */
function troubleOf(gate: WholeGate): Trouble | undefined {
  switch (gate.phase) {
    case "checking":
    case "up":
      return undefined;
    case "unheard":
      return { kind: "unheard", from: gate.since, text: "no relay responds" };
    case "away":
      return { kind: "away", from: gate.since, text: gate.text.slice(0, MAX_TEXT) };
    case "paused":
      return { kind: "paused", from: gate.since, code: gate.reason, text: gate.text.slice(0, MAX_TEXT) };
  }
}

function isSame(a: Trouble, b: Trouble): boolean {
  return a.kind === b.kind && a.code === b.code && a.from === b.from;
}
