import { setTimeout as delay } from "node:timers/promises";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { FastifyInstance } from "fastify";
import { readDeadLetter } from "../../shared/log/state/dead-letters.ts";
import { RANGES } from "../views/chart.ts";
import { checksPage } from "../views/checks.ts";
import { letterPage, lettersPage } from "../views/letters.ts";
import { overview } from "../views/overview.ts";
import type { Snapshot } from "../views/snapshot.ts";
import { readLetterPage, type LetterFacts } from "../watch/letter-pages.ts";
import type { Checks } from "../watch/checks.ts";
import type { LetterIndex } from "../watch/letter-index.ts";
import type { Samples } from "../watch/samples.ts";
import { createSessionEvents } from "../watch/session-events.ts";
import { goneLetter } from "./actions.ts";
import type { AgentSessions } from "../watch/agent-sessions.ts";
import { addAgents } from "./look-agents.ts";
import { addSessions } from "./look-sessions.ts";
import { mustBeConnected, NO_LANES, sendPage, type Frame } from "./frame.ts";
import { numberOf, parameter, selectionOf } from "./parameters.ts";

/** Sessions on the overview. */
const MOST_SESSIONS = 8;
const PAGE_SIZE = 50;
const NEWEST_LETTERS = 8;
/** A page waits so long for the groups of its letters. With many letters they are counted once, in a few seconds. */
const COUNTING_MS = 1000;

type LookDeps = {
  jsm: JetStreamManager;
  frame: Frame;
  samples: Samples;
  index: LetterIndex;
  checks: () => Promise<Checks>;
  agents: AgentSessions;
};

/** The pages that only show. */
export function addLooks(app: FastifyInstance, deps: LookDeps): void {
  addOverview(app, deps);
  addSessions(app, { frame: deps.frame, events: createSessionEvents(deps.jsm) });
  addLetters(app, deps);
  addAgents(app, deps);
  app.get("/checks", (request, reply) =>
    sendPage(deps.frame, request, reply, NO_LANES, async () => {
      mustBeConnected(deps.frame);
      return { place: "checks", title: "Checks", main: checksPage(await deps.checks()) };
    }),
  );
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

function addLetters(app: FastifyInstance, { jsm, frame, index }: LookDeps): void {
  app.get("/dead", (request, reply) =>
    sendPage(frame, request, reply, NO_LANES, async (shot) => {
      const selection = selectionOf((name) => parameter(request, name));
      const { session } = selection;
      const before = numberOf(parameter(request, "before"));
      const cursor = { size: PAGE_SIZE, ...(before === undefined ? {} : { before }) };
      mustBeConnected(frame);
      const byIndex =
        selection.group !== undefined || selection.since !== undefined || selection.until !== undefined;
      const updating = index.update();
      if (byIndex) await updating;
      const isCounted = await Promise.race([updating.then(() => true), delay(COUNTING_MS, false)]);
      const page = byIndex
        ? index.page(selection, cursor)
        : await readLetterPage(jsm, { ...cursor, ...(session === undefined ? {} : { session }) });
      const groups = isCounted ? index.groups({}) : undefined;
      return { place: "dead", title: "Dead letters", main: lettersPage(shot, { page, groups, selection }) };
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
