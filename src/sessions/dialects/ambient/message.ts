/** A message of a session, as every protocol of this dialect shows it. */
export type Message = {
  id: string;
  session: string;
  /** Place in the log. */
  seq: number;
  type: string;
  payload: string;
  /** When it was written, milliseconds since 1970. Undefined for what says that something is missing. */
  at: number | undefined;
};

/** Id of a message: its place, with the name of the log. Pure. */
export function messageId(seq: number, log: string): string {
  return `${seq}.${log}`;
}

/** A message as JSON, for the REST routes. Pure. */
export function messageJson({ id, session, seq, type, payload, at }: Message): string {
  return JSON.stringify({
    id,
    session_id: session,
    seq,
    event_type: type,
    payload,
    created_at: at === undefined ? null : new Date(at).toISOString(),
  });
}
