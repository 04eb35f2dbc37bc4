import type { JetStreamManager } from "@nats-io/jetstream";
import type { FastifyInstance } from "fastify";
import { MOST_LANES } from "../../shared/messages/standing/relay-view.ts";
import { readDeadLetter } from "../../shared/log/state/dead-letters.ts";
import { RANGES } from "../views/chart.ts";
import { letterPage, lettersPage } from "../views/letters.ts";
import { overview } from "../views/overview.ts";
import { sessionPage, sessionsPage } from "../views/sessions.ts";
import type { Snapshot } from "../views/snapshot.ts";
import { readLetterPage, type LetterFacts } from "../watch/letter-pages.ts";
import type { Samples } from "../watch/samples.ts";
import { firstStandings, standingOf } from "../../shared/messages/standing/session-standing.ts";
import { goneLetter } from "./actions.ts";
import { laneOf, mustBeConnected, NO_LANES, sendPage, type Frame } from "./frame.ts";
import { numberOf, parameter, sessionOf } from "./parameters.ts";

const MOST_SESSIONS = MOST_LANES;
/** Session ids have at most 200 characters. */
const LONGEST_SEARCH = 200;
const PAGE_SIZE = 50;
const NEWEST_LETTERS = 8;

type LookDeps = { jsm: JetStreamManager; frame: Frame; samples: Samples };

/** The pages that only show. */
export function addLooks(app: FastifyInstance, deps: LookDeps): void {
  addOverview(app, deps);
  addSessions(app, deps);
  addLetters(app, deps);
}

function addOverview(app: FastifyInstance, { jsm, frame, samples }: LookDeps): void {
  app.get("/", (request, reply) =>
    sendPage(frame, request, reply, { most: MOST_SESSIONS }, async (shot) => {
      const range = RANGES.find(({ key }) => key === parameter(request, "range")) ?? RANGES[0];
      const letters = await newestLetters(jsm, shot);
      const recent = samples.since(shot.now, range.ms);
      return {
        place: "overview",
        title: "Overview",
        main: overview(shot, { samples: recent, range, letters }),
      };
    }),
  );
}

function addSessions(app: FastifyInstance, { jsm, frame }: LookDeps): void {
  app.get("/sessions", (request, reply) => {
    const text = parameter(request, "q") ?? "";
    const search = text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "").slice(0, LONGEST_SEARCH); // controls are in no id
    return sendPage(frame, request, reply, { most: MOST_SESSIONS, search }, (shot) => {
      const found = firstStandings(shot.sources, { search, most: MOST_SESSIONS });
      return { place: "sessions", title: "Sessions", main: sessionsPage(shot, { ...found, search }) };
    });
  });
  app.get("/session", (request, reply) => {
    const id = parameter(request, "id");
    return sendPage(frame, request, reply, laneOf(id), async (shot) => {
      const session = sessionOf(id);
      const letters = await newestLetters(jsm, shot, session);
      const row = standingOf(session, shot.sources);
      return {
        place: "sessions",
        title: `Session ${session}`,
        crumb: { path: "/sessions", name: "Sessions" },
        main: sessionPage(shot, session, row, letters),
      };
    });
  });
}

function addLetters(app: FastifyInstance, { jsm, frame }: LookDeps): void {
  app.get("/dead", (request, reply) =>
    sendPage(frame, request, reply, NO_LANES, async (shot) => {
      const text = parameter(request, "session");
      const session = text === undefined || text === "" ? undefined : sessionOf(text);
      const before = numberOf(parameter(request, "before"));
      mustBeConnected(frame);
      const page = await readLetterPage(jsm, {
        size: PAGE_SIZE,
        ...(session === undefined ? {} : { session }),
        ...(before === undefined ? {} : { before }),
      });
      return { place: "dead", title: "Dead letters", main: lettersPage(shot, page, session) };
    }),
  );
  app.get("/letter", (request, reply) =>
    sendPage(frame, request, reply, NO_LANES, async (shot) => {
      const seq = numberOf(parameter(request, "seq"));
      mustBeConnected(frame);
      const letter = seq && (await readDeadLetter(jsm, seq));
      if (!letter) throw goneLetter();
      const crumb = { path: "/dead", name: "Dead letters" };
      return { place: "dead", title: `Dead letter ${letter.id}`, crumb, main: letterPage(shot, letter) };
    }),
  );
}

/** Undefined where the broker does not answer: the rest of the page is there all the same. */
async function newestLetters(
  jsm: JetStreamManager,
  shot: Snapshot,
  session?: string,
): Promise<LetterFacts[] | undefined> {
  if (shot.reading.error !== undefined) return undefined;
  try {
    const options = { size: NEWEST_LETTERS, ...(session === undefined ? {} : { session }) };
    return (await readLetterPage(jsm, options)).letters;
  } catch {
    return undefined;
  }
}
