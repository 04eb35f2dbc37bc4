import type { Clock } from "../base/clock.ts";

const MIB = 1024 * 1024;

/** What bodies may hold at once; each number is a rest above the one before. The process stays within 60 MB of its size at rest with all of them. */
export const HELD_BYTES: BudgetLimits = {
  /** Above it bodies that still arrive wait unread, in turn, and a silent one loses its share: two of the largest. */
  crowded: 8 * MIB,
  /** Above it a body that is not whole yet is refused, if no other one has to give way. */
  full: 12 * MIB,
  /** Above it whole ones are refused, too: 8 MiB that only small bodies get, which are whole when they are seen first. */
  limit: 20 * MIB,
  /** Less than `steps` in this time counts as silence. A sender on the same machine is a thousand times as fast. */
  silentMs: 1000,
  /** The same where all memory is taken. */
  silentWhenFullMs: 100,
  /** Against senders of a byte now and then. */
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

/** Why a share is lost: its sender was silent while others waited, or there is no memory. */
export type Loss = "silent" | "full";

/** Whose bytes they are. */
export type Owner = {
  lose(why: Loss): void;
  /** Read on. */
  resume(): void;
};

/** Memory of one body that arrives in parts. */
export type Share = {
  /** Counts bytes that arrived. False: read no more until `resume`. May end in `lose`, of this one too. */
  take: (bytes: number) => boolean;
  /** The body is whole: it cannot be lost any more. */
  complete: () => void;
  /** Gives the bytes back. */
  leave: () => void;
};

/**
 * Memory that bodies share, counted as it is used: who announces much and sends little holds little. Bodies that arrive wait for each other
 * (BOUND-1), but nobody waits for a sender that is silent: it loses its share to those that go on (ISOLATE-1).
 */
export type BodyBudget = {
  /** Counts a body that is whole. Returns the function that gives its bytes back, or undefined if there is no memory for it. */
  hold(bytes: number): (() => void) | undefined;
  open(owner: Owner): Share;
  readonly held: number;
};

type Body = {
  owner: Owner;
  bytes: number;
  /** Since when it has been silent, and what came since. */
  at: number;
  since: number;
  state: "reading" | "waiting" | "whole" | "over";
};

export function createBudget(limits: BudgetLimits, clock: Clock): BodyBudget {
  let held = 0;
  /** Whole bodies, which will give their bytes back by themselves. */
  let whole = 0;
  /** Those that arrive, the longest silent first. */
  const reading = new Set<Body>();
  /** Those that may not be read now, in turn. */
  const waiting = new Set<Body>();
  let checking = false;

  function forget(body: Body): void {
    if (body.state === "whole") whole--;
    reading.delete(body);
    waiting.delete(body);
    held -= body.bytes;
    body.state = "over";
  }

  function lose(body: Body, why: Loss): void {
    forget(body);
    body.owner.lose(why);
    next();
  }

  /** Takes the shares of silent senders, until the bytes are no more than `limit`. */
  function takeFromSilent(limit: number, silentMs: number, but?: Body): void {
    const now = clock.now();
    for (const body of reading) {
      if (held <= limit || now - body.at < silentMs) return;
      if (body !== but) lose(body, "silent");
    }
  }

  /**
   * Lets those read on for whom there is room; and all of them if nobody else is under way, otherwise they would wait for ever. All, because the
   * silent among them must be found out side by side, not one after the other. The last one that still goes on then has no other beside it.
   */
  function next(): void {
    const stuck = reading.size + whole === 0;
    for (const body of Array.from(waiting)) {
      if (held > limits.crowded && !stuck) return;
      waiting.delete(body);
      read(body);
      body.owner.resume();
    }
  }

  function read(body: Body): void {
    body.state = "reading";
    body.at = clock.now();
    body.since = 0;
    reading.delete(body);
    reading.add(body);
  }

  /** While somebody waits, silence must be noticed though nothing happens. */
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
    body.bytes += bytes;
    held += bytes;
    body.since += bytes;
    if (body.since >= limits.steps) read(body);
    if (held <= limits.crowded) return true;
    takeFromSilent(limits.crowded, limits.silentMs, body);
    if (held > limits.full) takeFromSilent(limits.full, limits.silentWhenFullMs, body);
    if (held <= limits.crowded || (reading.size === 1 && whole === 0)) return true;
    if (held > limits.full && body.bytes === bytes) {
      lose(body, "full"); // a newcomer; others have waited already
      return true;
    }
    reading.delete(body);
    waiting.add(body);
    body.state = "waiting";
    check();
    return false;
  }

  return {
    get held() {
      return held;
    },
    hold(bytes) {
      if (held + bytes > limits.limit) {
        takeFromSilent(limits.limit - bytes, limits.silentWhenFullMs);
        if (held + bytes > limits.limit && whole > 0) return undefined;
      }
      held += bytes;
      whole++;
      let open = true;
      return () => {
        if (!open) return;
        open = false;
        held -= bytes;
        whole--;
        next();
      };
    },
    open(owner) {
      const body: Body = { owner, bytes: 0, at: clock.now(), since: 0, state: "reading" };
      reading.add(body);
      return {
        take: (bytes) => take(body, bytes),
        complete() {
          if (body.state === "over" || body.state === "whole") return;
          reading.delete(body);
          waiting.delete(body);
          body.state = "whole";
          whole++;
        },
        leave() {
          if (body.state === "over") return;
          forget(body);
          next();
        },
      };
    },
  };
}
