import type { Clock } from "../../../shared/base/clock.ts";
import { errorText } from "../../../shared/base/errors.ts";
import type { Logger } from "../../../shared/base/logger.ts";
import type { Shard } from "../../source/shard.ts";
import type { Dispatcher } from "../dispatcher.ts";
import type { LeaderWord, Stored } from "../stored.ts";
import { entryOf, logSource, RETRY_MS, skipped } from "./entries.ts";
import type { Leave } from "./leave.ts";
import type { Pointer } from "./state.ts";
import type { MoveHeld } from "./carry-out.ts";
import type { HeldTable } from "./table.ts";

/** A lane that reads from the log is filled again when it gets shorter than this. */
export const REFILL_BELOW = 20;

/** Reads a session's next events from the log into its lane, if they should be read. After the last one the session joins the live stream. */
export class Refill {
  readonly #deps: RefillDeps;

  constructor(deps: RefillDeps) {
    this.#deps = deps;
  }

  /** Starts a read, unless one is under way. */
  fill(token: string): void {
    const { table, move } = this.#deps;
    const before = table.get(token);
    if (before.name !== "draining" || before.reading.is === "running") return;
    move(token, { on: "read" });
    void this.#read(token, before.pointer);
  }

  /** Starts a read after a while. */
  fillLater(token: string, ms: number = RETRY_MS): void {
    const { clock, move } = this.#deps;
    move(token, { on: "wait", cancel: clock.after(ms, () => this.fill(token)) });
  }

  async #read(token: string, pointer: Pointer): Promise<void> {
    const { table, move } = this.#deps;
    const { session } = pointer.record;
    const { reading } = drainingOf(table, token) ?? {};
    const stored = await this.#deps
      .read(session, pointer.cursor)
      .catch((error: unknown) => this.#failed(pointer, error));
    if (reading === undefined || drainingOf(table, token)?.reading !== reading) return;
    move(token, { on: "read_over" });
    if (stored === undefined) this.fillLater(token);
    else if (stored.length === 0) await this.#atEnd(token, pointer);
    else this.#accept(token, pointer, stored);
  }

  #accept(token: string, pointer: Pointer, stored: readonly Stored[]): void {
    const { dispatcher } = this.#deps;
    const { record, shard } = pointer;
    const lane = dispatcher.open(record.session, token, shard);
    const waiting = new Set(lane.entries().map(({ seq }) => seq)); // these were in flight when their session was held, and failed
    const source = logSource(this.#deps.fence(shard));
    for (const message of stored) {
      pointer.cursor = message.seq + 1;
      if (message.seq < record.from) continue; // was in flight during a takeover, and ended
      if (waiting.has(message.seq) || dispatcher.renew(token, message.seq, 0)) continue;
      const entry = entryOf(message, source);
      if (message.seq === record.skip) entry.death = skipped(record);
      dispatcher.accept(record.session, token, shard, entry);
    }
    if (lane.length < REFILL_BELOW) this.fill(token);
  }

  /** Everything was read: the session joins the live stream once none of its events waits and the pointer is deleted. */
  async #atEnd(token: string, pointer: Pointer): Promise<void> {
    const { clock, dispatcher, table } = this.#deps;
    const lane = dispatcher.open(pointer.record.session, token, pointer.shard);
    if (lane.length + lane.inFlight.length > 0) return; // asked again when they are settled
    if (pointer.lastPassed >= pointer.cursor) return this.fillLater(token, 0);
    const ours = this.#deps.fence(pointer.shard).mayForward();
    const changes = table.change(token) !== undefined; // it is about to stand still
    if (changes || clock.now() < pointer.joinsAt || !ours) return this.fillLater(token);
    await this.#leave(token, pointer);
  }

  /** A copy that lags behind has no more events either: so the log's leader has the last word. */
  async #leave(token: string, pointer: Pointer): Promise<void> {
    const { table, move } = this.#deps;
    move(token, { on: "read" });
    const { reading } = drainingOf(table, token) ?? {};
    const { cursor, lastPassed } = pointer;
    const word = await this.#deps
      .readLeader(pointer.record.session, cursor, Math.max(cursor - 1, lastPassed))
      .catch((error: unknown) => this.#failed(pointer, error));
    if (reading === undefined || drainingOf(table, token)?.reading !== reading) return;
    move(token, { on: "read_over" });
    if (word === undefined) this.fillLater(token);
    else if (pointer.lastPassed !== lastPassed) this.fill(token); // meanwhile an event was left to the log, which the answer may not know
    else if (word !== "none") this.#accept(token, pointer, [word]);
    else if (table.change(token) !== undefined || !this.#deps.fence(pointer.shard).mayForward())
      this.fillLater(token);
    else this.#deps.leave(token, pointer);
  }

  #failed({ record: { session } }: Pointer, error: unknown): undefined {
    this.#deps.log.error({ session, err: errorText(error) }, "held session cannot be read");
    return undefined;
  }
}

export type RefillDeps = {
  clock: Clock;
  log: Logger;
  dispatcher: Dispatcher;
  table: HeldTable;
  move: MoveHeld;
  leave: Leave;
  /** Reads messages of a session from the log, `from` first, in order; undefined when the log cannot be read now. */
  read(session: string, from: number): Promise<Stored[] | undefined>;
  /** The first event of a session from a number on, as the log's leader has it, which knows at least the number `known`. */
  readLeader(session: string, from: number, known: number): Promise<LeaderWord>;
  /** The shard's fence and its memory of what is settled, which also hold for entries that are read from the log. */
  fence(shard: number): Pick<Shard, "mayForward" | "verify" | "settled">;
};

function drainingOf(
  table: HeldTable,
  token: string,
): (ReturnType<HeldTable["get"]> & { name: "draining" }) | undefined {
  const state = table.get(token);
  return state.name === "draining" ? state : undefined;
}
