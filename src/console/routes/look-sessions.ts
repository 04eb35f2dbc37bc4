import type { FastifyInstance } from "fastify";
import { ownCommand } from "../../shared/base/own-command.ts";
import { codedError } from "../../shared/base/errors.ts";
import { placeFrom, sortFrom, type Place } from "../../shared/messages/standing/session-order.ts";
import { firstStandings, standingOf } from "../../shared/messages/standing/session-standing.ts";
import { eventPage } from "../views/events.ts";
import { EVENTS_SIZE, sessionPage } from "../views/session.ts";
import { sessionsPage } from "../views/sessions.ts";
import type { Snapshot } from "../views/snapshot.ts";
import { MOST_SEARCHED, type EventPage, type SessionEvents } from "../watch/session-events.ts";
import { laneOf, mustBeConnected, NO_LANES, sendPage, type Frame } from "./frame.ts";
import { numberOf, parameter, sessionOf } from "./parameters.ts";

/** Session ids have at most 200 characters. */
const LONGEST_SEARCH = 200;
/** Sessions on one page. */
const PAGE_SIZE = 50;

type SessionDeps = { events: SessionEvents; frame: Frame };

/** Sessions and their events. */
export function addSessions(app: FastifyInstance, { events, frame }: SessionDeps): void {
  app.get("/sessions", (request, reply) => {
    const text = parameter(request, "q") ?? "";
    const search = text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "").slice(0, LONGEST_SEARCH); // controls are in no id
    const sort = sortFrom(parameter(request, "sort")) ?? "urgency";
    const after = placeIn(parameter(request, "after"));
    const most = PAGE_SIZE + 1; // one more tells whether there is a next page
    const wanted = { most, search, sort, ...(after === undefined ? {} : { after }) };
    return sendPage(frame, request, reply, wanted, (shot) => {
      const { rows, total } = firstStandings(shot.sources, { search, sort, after, most });
      const more = rows.length > PAGE_SIZE;
      const page = {
        rows: rows.slice(0, PAGE_SIZE),
        total,
        search,
        sort,
        more,
        isFirst: after === undefined,
      };
      return { place: "sessions", title: "Sessions", main: sessionsPage(shot, page) };
    });
  });
  app.get("/session", (request, reply) => {
    const id = parameter(request, "id");
    const before = numberOf(parameter(request, "before"));
    return sendPage(frame, request, reply, laneOf(id), async (shot) => {
      const session = sessionOf(id);
      const row = standingOf(session, shot.sources);
      const page = await eventsOf(events, shot, session, before);
      return {
        place: "sessions",
        title: `Session ${session}`,
        crumb: { path: "/sessions", name: "Sessions" },
        main: sessionPage(shot, session, { row, events: page, before }),
      };
    });
  });
  addEvent(app, { events, frame });
}

function addEvent(app: FastifyInstance, { events, frame }: SessionDeps): void {
  app.get("/event", async (request, reply) => {
    const id = parameter(request, "id");
    const seq = numberOf(parameter(request, "seq"));
    if (id !== undefined && seq === undefined && frame.connected() && /^[\w-]{1,100}$/.test(id)) {
      const at = await events.find(id).catch(() => undefined);
      if (at !== undefined) return reply.redirect(`/event?seq=${at}`, 303); // a refresh is not to search again
    }
    return sendPage(frame, request, reply, NO_LANES, async (shot) => {
      mustBeConnected(frame);
      const found = seq === undefined ? undefined : await events.at(seq);
      if (found === undefined) throw notFound(id, seq);
      const { facts } = found;
      const { sources } = facts.state === "pending" ? await frame.snapshot(laneOf(facts.session)) : shot;
      return {
        place: "sessions",
        title: `Event ${facts.id}`,
        crumb: {
          path: `/session?${new URLSearchParams({ id: facts.session }).toString()}`,
          name: "Its session",
        },
        main: eventPage(shot, found, standingOf(facts.session, sources)),
      };
    });
  });
}

function notFound(id: string | undefined, seq: number | undefined): Error {
  if (id === undefined && seq === undefined) return codedError("usage", "Give the id of an event.");
  if (id === undefined)
    return codedError(
      "nothing_found",
      `The log holds no event at sequence ${seq}: it was deleted after it was settled, or never stored.`,
    );
  return codedError(
    "nothing_found",
    `There is no event ${id} among the dead letters and the newest ${MOST_SEARCHED} events. To search the whole log, run \`${ownCommand("deliveries", id)}\`.`,
  );
}

/** `rank.events.attempts.session`, as the link to the next page has it. Undefined for anything else. Pure. */
function placeIn(text: string | undefined): Place | undefined {
  const found = /^(\d{1,2})\.(\d{1,12})\.(\d{1,9})\.(.{1,200})$/.exec(text ?? "");
  if (found === null) return undefined;
  const [, rank, events, attempts, session] = found;
  return placeFrom({ rank: Number(rank), events: Number(events), attempts: Number(attempts), session });
}

/** Undefined where the broker does not answer: the rest of the page is there all the same. */
async function eventsOf(
  events: SessionEvents,
  shot: Snapshot,
  session: string,
  before: number | undefined,
): Promise<EventPage | undefined> {
  if (shot.reading.error !== undefined) return undefined;
  try {
    return await events.page(session, { size: EVENTS_SIZE, ...(before === undefined ? {} : { before }) });
  } catch {
    return undefined;
  }
}
