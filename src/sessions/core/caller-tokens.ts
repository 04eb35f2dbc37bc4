import type { Clock } from "../../shared/base/clock.ts";
import { refuse, type Refusal } from "../access/caller.ts";

/** Tokens of the callers of turns that have not begun. They are in the memory of this process only: a turn's event names the process, and its worker asks that. */
export type CallerTokens = {
  /** The name of this process for workers. */
  holder: string;
  /** Keeps a token until it is taken. The returned function takes it away again. */
  hold(of: { session: string; turn: string; token: string }): (() => void) | Refusal;
  /** Hands a token over: once. */
  take(of: { session: string; turn: string }): string | undefined;
};

/** A turn that has not begun by then runs without its caller's token, which has most likely expired. */
export const HELD_MS: number = 60 * 60 * 1000;
/** Most characters of all tokens that are held. */
export const HELD_CHARS: number = 8 * 1024 * 1024;

/** `holder`: a name that no other process has, of letters and digits. */
export function createCallerTokens({ clock, holder }: { clock: Clock; holder: string }): CallerTokens {
  const held = new Map<string, { token: string; cancel: () => void }>();
  let chars = 0;

  function drop(name: string): string | undefined {
    const it = held.get(name);
    if (it === undefined) return undefined;
    it.cancel();
    held.delete(name);
    chars -= it.token.length;
    return it.token;
  }

  return {
    holder,
    hold({ session, turn, token }) {
      const name = nameOf(session, turn);
      if (held.has(name)) return () => undefined; // of a turn that was asked for before
      if (chars + token.length > HELD_CHARS)
        return refuse("caller_tokens_full", "too many turns with a caller's token wait; try again later");
      chars += token.length;
      held.set(name, { token, cancel: clock.after(HELD_MS, () => void drop(name)) });
      return () => void drop(name);
    },
    take: ({ session, turn }) => drop(nameOf(session, turn)),
  };
}

/** A session's name in the log has no space. */
function nameOf(session: string, turn: string): string {
  return `${session} ${turn}`;
}
