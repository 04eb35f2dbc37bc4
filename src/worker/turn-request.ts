import { parseJsonWithin } from "../shared/base/json-scan.ts";
import type { Clock } from "../shared/base/clock.ts";
import { EVENT_DATA, readSessionEvent } from "../shared/session-log/event/session-event.ts";
import type { Pages } from "../shared/session-log/follow/pages.ts";
import { patiently } from "../shared/session-log/patiently.ts";
import { wholeSession } from "../shared/session-log/subjects.ts";

/** What a client sent with a turn, the W3C `traceparent` of its request, and the server that holds its caller's token. */
export type ReadRequest = {
  request: Record<string, unknown>;
  trace: string | undefined;
  holder: string | undefined;
};

/** What a client sent with the turn that lies at `seq`. Read when the turn begins, so that what waits costs no memory. */
export async function readRequest(
  deps: { pages: Pages; clock: Clock; signal: AbortSignal },
  session: { name: string },
  seq: number,
): Promise<ReadRequest> {
  const { events } = await patiently(() => deps.pages.read(wholeSession(session.name), seq), deps);
  const [stored] = events;
  const read = stored?.seq === seq ? readSessionEvent(stored) : undefined;
  if (read === undefined || !("event" in read)) return { request: {}, trace: undefined, holder: undefined };
  const data = parseJsonWithin(read.event.data, EVENT_DATA);
  const request = typeof data === "object" && data !== null ? (data as Record<string, unknown>) : {};
  const { trace, holder } = read.envelope;
  return { request, trace, holder };
}
