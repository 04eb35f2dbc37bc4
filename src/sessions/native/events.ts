import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Static } from "typebox";
import { codedError } from "../../shared/base/errors.ts";
import { elementsOf, membersOf, valueOf } from "../../shared/base/json-members.ts";
import { eventJson, readSessionEvent } from "../../shared/session-log/event/session-event.ts";
import { showCursor } from "../../shared/session-log/follow/cursor.ts";
import type { StoredEvent } from "../../shared/session-log/follow/stored-event.ts";
import type { EventsRequest } from "../core/events.ts";
import type { PushedEvent } from "../core/push.ts";
import { checked, checkedBody, granted } from "../http/checked.ts";
import { bodyOf } from "../http/bodies.ts";
import { countIn } from "../http/counts.ts";
import { callerOf, note, type PartDeps } from "../http/part.ts";
import { cursorOf, limitOf, queryText, sessionOf } from "../http/parameters.ts";
import { PUSHED_EVENT, PUSHED_EVENTS } from "./schemas.ts";
import { keyOf } from "./sessions.ts";
import { sendStream, wantsStream } from "./streams.ts";

/** An event as every protocol shows it, as JSON. Its data are the bytes that came. */
function shownEvent(stored: StoredEvent): string {
  const read = readSessionEvent(stored);
  return "event" in read ? eventJson(read.event) : JSON.stringify(read);
}

/** Events are read in pages, and pushed by agents outside. */
export function addEvents(app: FastifyInstance, deps: PartDeps): void {
  const { core, counts } = deps;
  app.get("/sessions/:id/events", async (request, reply) => {
    if (wantsStream(request)) return await sendStream(request, reply, deps);
    const asked = eventsAsked(request);
    const page = granted(await core.readEvents(callerOf(request), sessionOf(request), asked));
    const { events, floor, last, log } = page;
    const next = page.next === undefined ? null : showCursor(page.next, log);
    note(request, { events: events.length });
    const text = `{"events":[${events.map(shownEvent).join(",")}],"next":${JSON.stringify(next)},"floor":${floor},"last":${last}}`;
    return reply.type("application/json; charset=utf-8").send(text);
  });

  app.post("/sessions/:id/events", async (request) => {
    const events = eventsPushed(request);
    const stored = granted(await core.push(callerOf(request), sessionOf(request), events)).events;
    const made = stored.filter(({ repeated }) => !repeated).length;
    if (made > 0) countIn(counts.appends, "push", made);
    note(request, { events: stored.length, made });
    return { events: stored };
  });
}

function eventsAsked(request: FastifyRequest): EventsRequest {
  const [after, before] = [queryText(request, "after"), queryText(request, "before")];
  if (after !== undefined && before !== undefined)
    throw codedError("field_invalid", "after and before exclude each other");
  return {
    after: after === "latest" ? after : cursorOf(after ?? "0"),
    ...(before === undefined ? {} : { before: cursorOf(before) }),
    limit: limitOf(request),
  };
}

/** The events of a body, with their data as they came. */
function eventsPushed(request: FastifyRequest): PushedEvent[] {
  const key = keyOf(request.headers);
  const body = bodyOf(request);
  if (body === undefined || !Object.hasOwn(body.value, "events")) {
    const { value, bytes } = checkedBody(request, PUSHED_EVENT);
    return [pushed(value, bytes, key && `key ${key}`)];
  }
  const { events } = checked(PUSHED_EVENTS, body.value);
  const list = membersOf(body.bytes, ["events"]).get("events");
  const texts = list === undefined ? [] : [...elementsOf(valueOf(body.bytes, list))];
  return events.map((event, i) => pushed(event, texts[i] ?? new Uint8Array(), key && `key ${i} ${key}`));
}

function pushed(
  { type, producer, epoch = 0, number }: Static<typeof PUSHED_EVENT>,
  bytes: Uint8Array,
  key: string | undefined,
): PushedEvent {
  const data = membersOf(bytes, ["data"]).get("data");
  const isNumbered = producer !== undefined && number !== undefined;
  return {
    type,
    data: data === undefined ? Buffer.from("{}") : valueOf(bytes, data),
    key: key ?? (isNumbered ? `number ${JSON.stringify([producer, epoch, number])}` : undefined),
  };
}
