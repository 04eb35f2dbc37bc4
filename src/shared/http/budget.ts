import type { Clock } from "../base/clock.ts";
import { Bodies, type Body, type Loss, type Owner } from "./bodies.ts";

const MIB = 1024 * 1024;

/** Limits for the memory of all bodies together; each one is above the one before. With all of it in use, the process grows by less than 60 MB. */
export const HELD_BYTES: BudgetLimits = {
  /** Above this, arriving bodies wait unread, in turn, and a silent one loses its share. Enough for two of the largest. */
  crowded: 8 * MIB,
  /** Above this, an incomplete body is refused, unless another one has to give way. */
  full: 12 * MIB,
  /** Above this, complete bodies are refused, too. These 8 MiB are only for small bodies, which are complete when they are first seen. */
  limit: 20 * MIB,
  /** Fewer bytes than `steps` in this time count as silence. A sender on the same machine is a thousand times faster. */
  silentMs: 1000,
  /** The same while all memory is in use. */
  silentWhenFullMs: 100,
  /** Defeats senders that send a byte now and then. */
  steps: 16 * 1024,
};

export type BudgetLimits = {
  crowded: number;
  full: number;
  limit: number;
  silentMs: number;
  silentWhenFullMs: number;
  steps: number;
};

/** Memory of one body that arrives in parts. */
export type Share = {
  /** Counts bytes that arrived. False: stop reading until `resume` is called. May call `lose`, also for this body. */
  take: (bytes: number) => boolean;
  /** Marks the body as complete, so that it can no longer be lost. */
  complete: () => void;
  /** Returns the bytes to the budget. */
  leave: () => void;
};

/**
 * The memory that bodies share. It is counted as it is used, so that a sender who announces much and sends little holds little. Arriving bodies wait
 * for each other (BOUND-1), but not for a silent sender, which loses its share to the others (ISOLATE-1).
 */
export type BodyBudget = {
  /** Counts a complete body. Returns a function that returns its bytes, or undefined if there is no memory for it. */
  hold(bytes: number): (() => void) | undefined;
  open(owner: Owner): Share;
  readonly held: number;
};

// oxlint-disable-next-line max-lines-per-function -- each method is short; together they are the one rule by which bodies share their memory
export function createBudget(limits: BudgetLimits, clock: Clock): BodyBudget {
  const bodies = new Bodies();
  const { reading, waiting } = bodies;
  let checking = false;

  function lose(body: Body, why: Loss): void {
    bodies.forget(body);
    body.owner.lose(why);
    next();
  }

  /** Takes the shares of silent senders until the total is at most `limit`. */
  function takeFromSilent(limit: number, silentMs: number, but?: Body): void {
    const now = clock.now();
    for (const body of reading) {
      if (bodies.held <= limit || now - body.at < silentMs) return;
      if (body !== but) lose(body, "silent");
    }
  }

  /**
   * Resumes bodies for which there is room. If no other body is arriving, it resumes all of them, because they would wait for ever otherwise. All at once,
   * so that the silent ones among them are found at the same time and not one after the other. In the end the active one has all the room.
   */
  function next(): void {
    const stuck = reading.size + bodies.whole === 0;
    for (const body of Array.from(waiting)) {
      if (bodies.held > limits.crowded && !stuck) return;
      bodies.read(body, clock.now());
      body.owner.resume();
    }
  }

  /** While a body waits, silence must be noticed by time, because no bytes arrive. */
  function check(): void {
    if (checking || waiting.size === 0) return;
    checking = true;
    clock.after(limits.silentMs / 4, () => {
      checking = false;
      takeFromSilent(limits.crowded, limits.silentMs);
      next();
      check();
    });
  }

  function take(body: Body, bytes: number): boolean {
    if (body.state !== "reading") return body.state !== "waiting";
    bodies.count(body, bytes);
    if (body.since >= limits.steps) bodies.read(body, clock.now());
    if (bodies.held <= limits.crowded) return true;
    takeFromSilent(limits.crowded, limits.silentMs, body);
    if (bodies.held > limits.full) takeFromSilent(limits.full, limits.silentWhenFullMs, body);
    if (bodies.held <= limits.crowded || (reading.size === 1 && bodies.whole === 0)) return true;
    if (bodies.held > limits.full && body.bytes === bytes) {
      lose(body, "full"); // this is the newest body, and the others have already waited
      return true;
    }
    bodies.wait(body);
    check();
    return false;
  }

  return {
    get held() {
      return bodies.held;
    },
    hold(bytes) {
      if (bodies.held + bytes > limits.limit) {
        takeFromSilent(limits.limit - bytes, limits.silentWhenFullMs);
        if (bodies.held + bytes > limits.limit && bodies.whole > 0) return undefined;
      }
      bodies.held += bytes;
      bodies.whole++;
      let open = true;
      return () => {
        if (!open) return;
        open = false;
        bodies.held -= bytes;
        bodies.whole--;
        next();
      };
    },
    open(owner) {
      const body = bodies.open(owner, clock.now());
      return {
        take: (bytes) => take(body, bytes),
        complete: () => bodies.complete(body),
        leave() {
          if (body.state === "over") return;
          bodies.forget(body);
          next();
        },
      };
    },
  };
}
