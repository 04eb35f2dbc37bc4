import type { Entry } from "./entry.ts";
import type { LogMessage } from "./log.ts";
import type { Sequences } from "./sequence.ts";
import type { SessionNumber, Write } from "./write.ts";

/** Gives entries their numbers, when they enter a commit and no earlier. */
export type Numbering = {
  /** The entry's message. It is numbered and encoded at the first call. */
  messageOf(entry: Entry): LogMessage;
  /** Ends the session's epoch. Those of its entries in `rest` get new numbers at their next try. */
  renew(session: string, rest: readonly Entry[]): void;
};

export function createNumbering(
  sequences: Sequences,
  encode: (write: Write, number: SessionNumber) => LogMessage,
): Numbering {
  return {
    messageOf(entry) {
      if (entry.numbered === undefined) {
        const number = sequences.next(entry.session);
        entry.numbered = { number, message: encode(entry.write, number) };
      }
      return entry.numbered.message;
    },
    renew(session, rest) {
      sequences.renew(session);
      for (const entry of rest) if (entry.session === session) entry.numbered = undefined;
    },
  };
}
