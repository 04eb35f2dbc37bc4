import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../../shared/base/clock.ts";
import { createControl } from "../../shared/log/state/control.ts";
import { readDeadLetter } from "../../shared/log/state/dead-letters.ts";
import { sameSecret } from "../../shared/http/door/secret.ts";
import { codedError, errorText, isCoded } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { sessionIdProblem } from "../../shared/log/schema/session-id.ts";
import { readLogStatus } from "../../shared/messages/status/log-status.ts";
import type { Gate } from "../coordinator/gate.ts";
import type { Ending } from "../lanes/index.ts";
import { createActions, goneLetter } from "./actions.ts";
import { RANGES } from "./chart.ts";
import { confirmPage } from "./confirm.ts";
import { html, type Html } from "./html.ts";
import { layout, type Notice, type Place } from "./layout.ts";
import { letterPage, lettersPage } from "./letters.ts";
import { readLetterPage, type LetterFacts } from "./letter-pages.ts";
import { overview } from "./overview.ts";
import { isOwnPage } from "./protect.ts";
import { createReader } from "./reader.ts";
import { Samples } from "./samples.ts";
import { sessionRow, sessionRows, type LaneView } from "./session-rows.ts";
import { sessionPage, sessionsPage } from "./sessions.ts";
import type { Snapshot } from "./snapshot.ts";
import { ICON, STYLE } from "./style.ts";
import { Timeline } from "./timeline.ts";

// What it knows: reader.ts asks the broker · samples.ts and timeline.ts remember · session-rows.ts and letter-pages.ts choose.
// What it shows: overview.ts, sessions.ts, letters.ts, confirm.ts in layout.ts. What it does: actions.ts, behind protect.ts.

const MOST_SESSIONS = 100;
const PAGE_SIZE = 50;
const NEWEST_LETTERS = 8;
const MOST_NOTICES = 100;

export type StatusPageMode = "on" | "read-only" | "off";

export type StatusPage = {
  routes(app: FastifyInstance): void;
  /** An event ended. */
  settled(how: Ending): void;
  gateChanged(): void;
  /** The broker answers, or does not. */
  broker(connected: boolean): void;
  start(): void;
  stop(): void;
};

const nothing = (): void => {};
const OFF: StatusPage = {
  routes: nothing,
  settled: nothing,
  gateChanged: nothing,
  broker: nothing,
  start: nothing,
  stop: nothing,
};

/** The relay's status page (docs/contract.md, "Programs around `up`"): server-rendered, loopback only. */
export function createStatusPage(deps: {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  log: Logger;
  options: { relay: string; version: string; statusPage?: StatusPageMode };
  gate: Pick<Gate, "state">;
  dispatcher: { lanes(): Iterable<LaneView> };
  presence: { others(): number };
}): StatusPage {
  const { nc, jsm, clock } = deps;
  const { relay, version, statusPage: mode = "on" } = deps.options;
  if (mode === "off") return OFF;
  const token = randomBytes(32).toString("base64url");
  const samples = new Samples();
  const timeline = new Timeline();
  const control = createControl({ nc, jsm, clock });
  const actions = createActions({ nc, jsm, control, log: deps.log });
  const startedAt = clock.wall();
  const notices = new Map<string, Notice>();
  let connected = true;
  let delivered = 0;
  const reader = createReader({
    clock,
    samples,
    query: async () => (await readLogStatus(jsm)).status,
    connected: () => connected,
    delivered: () => delivered,
  });

  async function snapshot(): Promise<Snapshot> {
    const reading = await reader.read();
    return {
      now: clock.wall(),
      relay,
      version,
      startedAt,
      mayAct: mode === "on",
      gate: deps.gate.state(),
      connected,
      reading,
      latest: samples.latest(),
      otherRelays: deps.presence.others(),
      troubles: timeline.list(),
      forgottenTroubles: timeline.forgotten,
      sources: {
        lanes: deps.dispatcher.lanes(),
        held: reading.known?.status.backlog.held ?? [],
        wishes: reading.known?.status.controls.sessions ?? [],
        wallOffset: clock.wall() - clock.now(),
      },
    };
  }

  /** Undefined where the broker does not answer: the rest of the page is there all the same. */
  async function newestLetters(shot: Snapshot, session?: string): Promise<LetterFacts[] | undefined> {
    if (shot.reading.error !== undefined) return undefined;
    try {
      const options = { size: NEWEST_LETTERS, ...(session === undefined ? {} : { session }) };
      return (await readLetterPage(jsm, options)).letters;
    } catch {
      return undefined;
    }
  }

  /** A question to a broker that is away ends with a time-out only. */
  function mustBeConnected(): void {
    if (!connected) throw codedError("log_unreachable", "the broker is not connected");
  }

  function keepNotice(notice: Notice): string {
    const id = randomBytes(9).toString("base64url");
    notices.set(id, notice);
    const [oldest] = notices.keys();
    if (notices.size > MOST_NOTICES && oldest !== undefined) notices.delete(oldest);
    return id;
  }

  type Page = {
    place: Place;
    title: string;
    crumb?: { path: string; name: string };
    main: Html;
    status?: number;
  };

  async function send(
    request: FastifyRequest,
    reply: FastifyReply,
    build: (shot: Snapshot) => Page | Promise<Page>,
  ): Promise<FastifyReply> {
    const shot = await snapshot();
    let page: Page;
    try {
      page = await build(shot);
    } catch (error) {
      page = problemPage(error);
    }
    const notice = notices.get(parameter(request, "notice") ?? "");
    return reply
      .code(page.status ?? 200)
      .type("text/html; charset=utf-8")
      .send(layout(shot, { ...page, notice }));
  }

  function routes(app: FastifyInstance): void {
    const client = readFileSync(join(import.meta.dirname, "client.js"), "utf8");
    const asset = (path: string, type: string, text: string): void => {
      app.get(path, (_request, reply) => reply.type(type).send(text));
    };
    asset("/page/client.js", "text/javascript; charset=utf-8", client);
    asset("/page/style.css", "text/css; charset=utf-8", STYLE);
    asset("/page/icon.svg", "image/svg+xml", ICON);

    app.get("/status.json", async (_request, reply) => {
      const { reading, gate, latest, troubles } = await snapshot();
      const { known, error } = reading;
      return reply.code(error === undefined ? 200 : 503).send({
        ...known?.status,
        ...(known === undefined ? {} : { at: new Date(known.wall).toISOString() }),
        ...(error === undefined ? {} : { error }),
        gate,
        latest,
        troubles,
      });
    });

    app.get("/", (request, reply) =>
      send(request, reply, async (shot) => {
        const range = RANGES.find(({ key }) => key === parameter(request, "range")) ?? RANGES[0];
        const letters = await newestLetters(shot);
        const recent = samples.since(shot.now, range.ms);
        return {
          place: "overview",
          title: "Overview",
          main: overview(shot, { samples: recent, range, letters }),
        };
      }),
    );
    app.get("/sessions", (request, reply) =>
      send(request, reply, (shot) => {
        const search = (parameter(request, "q") ?? "").replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ""); // in no id
        const found = sessionRows(shot.sources, { search, most: MOST_SESSIONS });
        return { place: "sessions", title: "Sessions", main: sessionsPage(shot, { ...found, search }) };
      }),
    );
    app.get("/session", (request, reply) =>
      send(request, reply, async (shot) => {
        const session = sessionOf(parameter(request, "id"));
        const letters = await newestLetters(shot, session);
        const row = sessionRow(session, shot.sources);
        return {
          place: "sessions",
          title: `Session ${session}`,
          crumb: { path: "/sessions", name: "Sessions" },
          main: sessionPage(shot, session, row, letters),
        };
      }),
    );
    app.get("/dead", (request, reply) =>
      send(request, reply, async (shot) => {
        const text = parameter(request, "session");
        const session = text === undefined || text === "" ? undefined : sessionOf(text);
        const before = numberOf(parameter(request, "before"));
        mustBeConnected();
        const page = await readLetterPage(jsm, {
          size: PAGE_SIZE,
          ...(session === undefined ? {} : { session }),
          ...(before === undefined ? {} : { before }),
        });
        return { place: "dead", title: "Dead letters", main: lettersPage(shot, page, session) };
      }),
    );
    app.get("/letter", (request, reply) =>
      send(request, reply, async (shot) => {
        const seq = numberOf(parameter(request, "seq"));
        mustBeConnected();
        const letter = seq && (await readDeadLetter(jsm, seq));
        if (!letter) throw goneLetter();
        const crumb = { path: "/dead", name: "Dead letters" };
        return { place: "dead", title: `Dead letter ${letter.id}`, crumb, main: letterPage(shot, letter) };
      }),
    );
    if (mode === "on") actRoutes(app);
  }

  function actRoutes(app: FastifyInstance): void {
    app.get("/confirm", (request, reply) =>
      send(request, reply, async (shot) => {
        mustBeConnected();
        const action = await actions.about(
          parameter(request, "action"),
          { session: parameter(request, "session"), seq: numberOf(parameter(request, "seq")) },
          shot.sources,
        );
        return { place: "none", title: "Confirm", main: confirmPage(action, token) };
      }),
    );
    app.post("/act/:action", async (request, reply) => {
      const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
      if (!isOwnPage(request.headers)) return reply.code(403).send({ code: "origin_refused" });
      if (!sameSecret(form.get("token") ?? "", token)) {
        const text =
          "This form is of an earlier process of the relay, or of somebody else. Go back, reload the page and try again.";
        return send(request, reply, () => problem(403, text));
      }
      try {
        const { action = "" } = request.params as { action?: string };
        mustBeConnected();
        const done = await actions.carryOut(action, form);
        return await reply.redirect(
          `${done.path}${done.path.includes("?") ? "&" : "?"}notice=${keepNotice(done.notice)}`,
          303,
        );
      } catch (error) {
        return send(request, reply, () => problemPage(error, true));
      }
    });
  }

  return {
    routes,
    settled(how) {
      if (how === "delivered") delivered++;
    },
    gateChanged: () => timeline.gate(deps.gate.state(), clock.wall()),
    broker(now) {
      connected = now;
      timeline.broker(now, clock.wall());
    },
    start: () => reader.start(),
    stop: () => reader.stop(),
  };
}

function parameter(request: FastifyRequest, name: string): string | undefined {
  const value = (request.query as Record<string, unknown>)[name];
  return typeof value === "string" ? value : undefined;
}

/** A sequence; undefined for anything else. */
function numberOf(text: string | undefined): number | undefined {
  const number = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : 0;
  return number > 0 ? number : undefined;
}

function sessionOf(text: string | undefined): string {
  const wrong = sessionIdProblem(text ?? "");
  if (text === undefined || wrong !== undefined)
    throw codedError("session_id_invalid", `This is no session id: ${wrong ?? "empty"}.`);
  return text;
}

function problemPage(
  error: unknown,
  acted = false,
): { place: Place; title: string; main: Html; status: number } {
  if (isCoded(error, "nothing_found")) return problem(404, error.message);
  if (isCoded(error, "session_id_invalid") || isCoded(error, "usage")) return problem(400, error.message);
  const done = acted ? " Look whether it was done before you try again: a second time does no harm." : "";
  return problem(503, `The log cannot be ${acted ? "written" : "read"} now: ${errorText(error)}.${done}`);
}

function problem(status: number, text: string): { place: Place; title: string; main: Html; status: number } {
  const title = status === 404 ? "Not here" : status === 503 ? "Not now" : "This did not work";
  return {
    place: "none",
    title,
    status,
    main: html`<div id="problem">
      <h1>${title}</h1>
      <p>${text}</p>
      <p><a href="/">Overview</a></p>
    </div>`,
  };
}
