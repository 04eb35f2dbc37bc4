import { asObject, GatewayError } from "./error.ts";
import type { SseMessage } from "./sse.ts";

/** An event of a session. Types that this client does not know may come at any time. */
export type SessionEvent = {
  /** Its place in the log. It grows within a session, with gaps. */
  seq: number;
  /** Of what the session's worker says: its number in the session, without a gap. */
  n?: number;
  session_id: string;
  turn_id?: string;
  type: string;
  source: "user" | "worker" | "push";
  data: Record<string, unknown>;
  timestamp: string;
  /** Continue here to get what follows this event: `watch(session, { after: cursor })`. */
  cursor: string;
};

/**
 * A notice of the server, which has no place in the log. `gap`: retention removed the events from `data.from` to `data.to` · `reset`: the log was replaced, and
 * everything that it holds of the session comes from its start · `caught_up`: what follows was stored after that · `closed`: nothing follows, because the session was
 * deleted or the credentials ended (`data.reason`: `deleted`, `auth`).
 */
export type Notice = {
  type: "gap" | "reset" | "caught_up" | "closed";
  data: Record<string, unknown>;
};

export type Watched = SessionEvent | Notice;

const NOTICES = ["gap", "reset", "caught_up", "closed"] as const;
const SOURCES = ["user", "worker", "push"] as const;

/** Tells notices from events. The server lets nobody else send an event of these types. */
export function isNotice(item: Watched): item is Notice {
  return !("seq" in item);
}

/** Reads a message of a stream. Throws `bad_answer` for what is neither event nor notice. Pure. */
export function readMessage({ event, data, id }: SseMessage): Watched {
  let value: Record<string, unknown> | undefined;
  try {
    value = asObject(JSON.parse(data));
  } catch {
    // told below
  }
  if (value === undefined)
    throw new GatewayError("bad_answer", "a message of the stream is not a JSON object");
  const type = typeof value["type"] === "string" ? value["type"] : event;
  const notice = NOTICES.find((it) => it === type);
  if (notice === undefined) return readEvent(value, type, id);
  const { type: _, ...said } = value;
  return { type: notice, data: said };
}

function readEvent(value: Record<string, unknown>, type: string, id: string | undefined): SessionEvent {
  const { seq, n, session_id, turn_id, type: _, source, data, timestamp, ...rest } = value;
  if (!isPlace(seq)) throw new GatewayError("bad_answer", "an event of the stream has no place in the log");
  return {
    seq,
    ...(typeof n === "number" ? { n } : {}),
    session_id: typeof session_id === "string" ? session_id : "",
    ...(typeof turn_id === "string" ? { turn_id } : {}),
    type,
    source: SOURCES.find((it) => it === source) ?? "worker",
    // an event that the server cannot read says only why
    data: asObject(data) ?? (data === undefined ? rest : { value: data }),
    timestamp: typeof timestamp === "string" ? timestamp : "",
    cursor: id ?? String(seq),
  };
}

/** A place in the log. */
export function isPlace(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}
