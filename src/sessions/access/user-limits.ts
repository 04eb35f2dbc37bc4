import type { Clock } from "../../shared/base/clock.ts";
import { isForAll, refuse, type Caller, type Refusal } from "./caller.ts";
import { createTally } from "./tally.ts";

/** How much one user may have or do at once, at one server. Keys with the scope `admin` have no limit, because a proxy that speaks for all users has one. */
export type UserLimits = {
  /** Streams and sockets. Each costs up to 80 KiB, so that one user can take 80 MB. */
  watchers: number;
  /** Turns that have not ended. Each is a process of an agent, or waits for one. */
  turns: number;
  /** Sessions that exist. */
  sessions: number;
  /** Requests and frames that write, in one second. */
  writes: number;
};

/** Taken places. `giveBack` is called when what took it did not come to be. */
export type Place = { giveBack(): void };

export type UserGate = {
  /** A place for a watcher, which the caller gives back at its end. */
  watch(caller: Caller): Place | Refusal;
  /** The refusal of writes above the rate limit. */
  write(caller: Caller, count: number): Refusal | undefined;
  session(caller: Caller, user: string): Promise<Place | Refusal>;
  turn(caller: Caller, user: string, session: string): Promise<Place | Refusal>;
};

/** For what is not counted. */
export const NO_PLACE: Place = { giveBack: () => undefined };
const WRITES_MS = 1000;

/** Holds users to their limits. `countSessions` and `openTurns` read the log. */
export function createUserGate(deps: {
  limits: UserLimits;
  clock: Clock;
  countSessions: (user: string) => Promise<number>;
  openTurns: (session: string) => Promise<number>;
}): UserGate {
  const { limits, clock } = deps;
  const watchers = new Map<string, number>();
  const sessions = createTally({ limit: limits.sessions, count: deps.countSessions, clock });
  const busy = createBusySessions(deps.openTurns, clock);
  const turns = createTally({ limit: limits.turns, count: (user) => busy.count(user), clock });
  let second = { from: 0, writes: new Map<string, number>() };

  return {
    watch(caller) {
      if (isForAll(caller)) return NO_PLACE;
      const { user } = caller;
      const count = watchers.get(user) ?? 0;
      if (count >= limits.watchers)
        return refuse("too_many_watchers", `a user has at most ${limits.watchers}`);
      watchers.set(user, count + 1);
      return once(() => {
        const left = (watchers.get(user) ?? 1) - 1;
        if (left === 0) watchers.delete(user);
        else watchers.set(user, left);
      });
    },
    write(caller, more) {
      if (isForAll(caller)) return undefined;
      const now = clock.now();
      if (now - second.from >= WRITES_MS) second = { from: now, writes: new Map() };
      const count = (second.writes.get(caller.user) ?? 0) + more;
      if (count > limits.writes)
        return refuse("too_many_writes", `a user writes at most ${limits.writes} times a second`);
      second.writes.set(caller.user, count);
      return undefined;
    },
    async session(caller, user) {
      if (isForAll(caller)) return NO_PLACE;
      if (await sessions.take(user)) return once(() => sessions.giveBack(user));
      return refuse("too_many_sessions", `a user has at most ${limits.sessions}; delete some`);
    },
    async turn(caller, user, session) {
      if (isForAll(caller)) return NO_PLACE;
      busy.note(user, session); // first, so that a count that begins now reads it
      if (await turns.take(user)) return once(() => turns.giveBack(user));
      return refuse("too_many_turns", `a user has at most ${limits.turns} turns that have not ended`);
    },
  };
}

/** A turn lies in the log this long after it was noted, or never will: a request takes at most 5 s. */
const UNDER_WAY_MS = 10_000;

/** The sessions in which users started turns here, so that their turns can be counted. */
function createBusySessions(
  openTurns: (session: string) => Promise<number>,
  clock: Clock,
): { note(user: string, session: string): void; count(user: string): Promise<number> } {
  const byUser = new Map<string, Map<string, number>>(); // with the time at which they were noted last
  return {
    note(user, session) {
      const noted = byUser.get(user) ?? new Map<string, number>();
      byUser.set(user, noted.set(session, clock.now()));
    },
    async count(user) {
      const noted = byUser.get(user) ?? new Map<string, number>();
      async function countIn(session: string): Promise<number> {
        const open = await openTurns(session);
        const at = noted.get(session) ?? 0;
        if (open === 0 && clock.now() - at > UNDER_WAY_MS) noted.delete(session);
        return open;
      }
      const counts = await Promise.all([...noted.keys()].map(countIn));
      return counts.reduce((sum, open) => sum + open, 0);
    },
  };
}

function once(giveBack: () => void): Place {
  let given = false;
  return {
    giveBack() {
      if (!given) giveBack();
      given = true;
    },
  };
}
