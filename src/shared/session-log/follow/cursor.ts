/** A place in the log of sessions. `log` names the log, if the client kept that. */
export type Cursor = { seq: number; log?: string };

const CURSOR = /^(?<seq>0|[1-9]\d{0,15})(?:\.(?<log>[a-z0-9]{1,16}))?$/;

/** Name of a log: when it was made. Another one, made in its place, has another name. Pure. */
export function logName(created: string): string {
  return Date.parse(created).toString(36);
}

/** Reads `<seq>.<log>`, or a bare number. Undefined for anything else: negative, too large, no number. Pure. */
export function parseCursor(text: string): Cursor | undefined {
  const { seq, log } = CURSOR.exec(text)?.groups ?? {};
  const number = Number(seq);
  if (seq === undefined || !Number.isSafeInteger(number)) return undefined;
  return { seq: number, ...(log === undefined ? {} : { log }) };
}

/** The cursor of an event, as clients keep it. Pure. */
export function showCursor(seq: number, log: string): string {
  return `${seq}.${log}`;
}

/** Does a cursor belong elsewhere: to another log, or to one that had more than this one? Pure. */
export function isForeign(
  cursor: { last: number; log: string | undefined },
  end: { last: number; log: string },
): boolean {
  return (cursor.log !== undefined && cursor.log !== end.log) || cursor.last > end.last;
}
