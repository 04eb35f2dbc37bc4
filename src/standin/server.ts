import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../shared/base/clock.ts";
import type { Logger } from "../shared/base/logger.ts";
import { isFromPage } from "../shared/http/web-page.ts";
import { agentRoutes } from "./agent-routes.ts";
import { authRefusal } from "./auth.ts";
import { detail, json, NO_CONTENT, type Call, type Reply } from "./call.ts";
import { createFaults, type Faults, type Strike } from "./faults.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { play, scripted, send } from "./respond.ts";
import { createRouter, type Route } from "./router.ts";
import { runRoutes } from "./run-routes.ts";
import { runnerRoutes } from "./runner-routes.ts";
import { batchRoute } from "./batch-route.ts";
import { createAddEvent, sessionRoutes } from "./session-routes.ts";
import { createState, type State } from "./state.ts";
import { faultRoutes, ledgerRoutes } from "./test-routes.ts";
import { arrivalOf, itemArrivalOf, sessionOfPath } from "./arrival.ts";

// server.ts takes requests in · router.ts finds the route · auth.ts refuses · validation.ts + models.ts judge bodies
// session-routes.ts, run-routes.ts, runner-routes.ts, agent-routes.ts the coordinator's contract · state.ts what it knows · sse.ts who listens
// beyond the real one: ledger.ts + arrival.ts record, faults.ts + respond.ts break, test-routes.ts opens both over HTTP

export type CoordinatorOptions = {
  clock: Clock;
  log: Logger;
  /** Bearer token that every known route demands, ledger and faults included. */
  token?: string;
  batch?: boolean;
  autoCreateSessions?: boolean;
  /** Opens `/_faults`. */
  faults?: boolean;
  /** Keeps the ledger and opens `/_ledger`; `requests` also keeps whole bodies and headers in it. */
  record?: "keys" | "requests";
  /** Where the ledger is written to as well. */
  ledgerFile?: string;
  /** Numbers from 0 to below 1, for rules with a probability. */
  random?: () => number;
  /** How long a poll without work is held. */
  pollMs?: number;
  /** Polls go on when their client has left, as at the real one, and may take a run that nobody gets. Default: off. */
  ghostPolls?: boolean;
  heartbeatMs?: number;
};

export type Coordinator = {
  /** Answers with the base URL. */
  listen(port: number): Promise<string>;
  /** Closes the port and breaks all connections; what is known stays. It can listen again. */
  close(): Promise<void>;
  state: State;
  faults: Faults;
  ledger: Ledger;
};

/** uvicorn closes an idle connection after this long. */
const KEEP_ALIVE_MS = 5000;
const SWEEP_MS = 50;
const POLL_MS = 30_000;
const HEARTBEAT_MS = 30_000;
const NOT_FOUND = detail(404, "Not Found");
/** It listens on loopback and acts without credentials, so pages of the web must not reach it. */
const FROM_A_PAGE = detail(403, "Requests from web pages are refused");

export function createCoordinator(options: CoordinatorOptions): Coordinator {
  const { clock, token, record } = options;
  const state = createState({ clock, heartbeatMs: options.heartbeatMs ?? HEARTBEAT_MS });
  const faults = createFaults(options.random ?? Math.random);
  const ledger = createLedger(options.ledgerFile === undefined ? {} : { file: options.ledgerFile });
  const sessionOptions = { autoCreateSessions: options.autoCreateSessions ?? false };
  const addEvent = createAddEvent(state, sessionOptions);

  const routes: Route[] = [
    { method: "GET", path: "/health", handle: () => json(200, { status: "healthy" }) },
    ...sessionRoutes(state, sessionOptions, addEvent),
    ...runRoutes(state),
    ...runnerRoutes(state, {
      pollMs: options.pollMs ?? POLL_MS,
      ghostPolls: options.ghostPolls ?? false,
    }),
    ...agentRoutes(),
    { method: "GET", path: "/sse/sessions", handle: openStream },
  ];
  if (options.batch) {
    routes.push(
      batchRoute(addEvent, (call, item, reply) => {
        if (record !== undefined)
          ledger.add(itemArrivalOf(call, item, reply, clock.wall()), JSON.stringify(item));
      }),
    );
  }
  const route = createRouter(routes);
  const routeOwn = createRouter([
    ...(record === undefined ? [] : ledgerRoutes(ledger)),
    ...(options.faults ? faultRoutes(faults) : []),
  ]);

  function openStream({ query, headers, response }: Call): "taken" {
    const wanted = query.get("session_id");
    const init = query.get("include_init") !== "false" && headers["last-event-id"] === undefined;
    const known = state.sessions.list().filter((s) => wanted === null || s.session_id === wanted);
    state.broadcast.open(response, wanted, init ? { sessions: known } : undefined);
    return "taken";
  }

  const runSession = (id: string): string | undefined => state.runs.get(id)?.session_id;

  function handle(call: Call): void {
    if (isFromPage(call.headers)) return send(call.response, FROM_A_PAGE);
    if (call.path.startsWith("/_")) {
      const match = routeOwn(call.method, call.path);
      finish(call, match.kind === "found" ? (refusalOf(call) ?? match.handle(call)) : NOT_FOUND);
      return;
    }
    const strike = faults.active
      ? faults.strike({
          method: call.method,
          path: call.path,
          session: sessionOfPath(call.path, runSession),
          text: call.text,
        })
      : undefined;
    if (strike !== undefined && !strike.apply) {
      const reply = scripted(strike);
      note(call, reply ?? { ...NO_CONTENT, status: 0 }, strike);
      if (reply === undefined) play(call.response, strike, NO_CONTENT, clock);
      else send(call.response, reply);
      return;
    }
    finish(call, answer(call), strike);
  }

  function answer(call: Call): Reply | Promise<Reply> | "taken" {
    const match = route(call.method, call.path);
    switch (match.kind) {
      case "none":
        return NOT_FOUND;
      case "method":
        return detail(405, "Method Not Allowed", ["allow", match.allow]);
      case "slash":
        return { ...NO_CONTENT, status: 307, headers: ["location", locationOf(call, match.path)] };
      case "found": {
        call.params = match.params;
        return refusalOf(call) ?? match.handle(call);
      }
    }
  }

  function refusalOf(call: Call): Reply | undefined {
    return token === undefined ? undefined : authRefusal(call.headers.authorization, token);
  }

  function finish(call: Call, outcome: Reply | Promise<Reply> | "taken", strike?: Strike): void {
    if (outcome === "taken") note(call, { ...NO_CONTENT, status: 200 }, strike);
    else if (outcome instanceof Promise) void outcome.then((reply) => finish(call, reply, strike));
    else {
      note(call, outcome, strike);
      if (call.response.closed) return; // a poll that outlived its client
      const made = strike && scripted(strike);
      if (strike === undefined || made !== undefined) send(call.response, made ?? outcome);
      else play(call.response, strike, outcome, clock);
    }
  }

  function note(call: Call, reply: Reply, strike: Strike | undefined): void {
    if (record === undefined || call.path.startsWith("/_")) return;
    ledger.add(
      arrivalOf(call, reply, { strike, at: clock.wall(), whole: record === "requests", runSession }),
      call.text,
    );
  }

  function take(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    const stranger = token !== undefined && authRefusal(request.headers.authorization, token) !== undefined;
    // what a stranger sends is refused anyway: it is not kept
    request.on("data", (chunk: Buffer) => stranger || chunks.push(chunk));
    request.on("error", () => {}); // the caller went away while sending: there is nobody to answer
    request.on("end", () => {
      const only = chunks[0];
      const bytes = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
      try {
        handle(callOf(request, response, bytes));
      } catch (error) {
        options.log.error({ err: error, path: request.url }, "request failed");
        send(response, detail(500, "Internal Server Error"));
      }
    });
  }

  let server: Server | undefined;
  return {
    state,
    faults,
    ledger,
    async listen(port) {
      const listening = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, take);
      listening.keepAliveTimeoutBuffer = 0;
      server = listening;
      await new Promise<void>((resolve, reject) => {
        listening.once("error", reject);
        listening.listen({ port, host: "127.0.0.1", backlog: 2048 }, resolve);
      });
      return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
    },
    async close() {
      const closing = server;
      server = undefined;
      if (closing === undefined) return;
      await new Promise<void>((resolve) => {
        // a connection that was just being accepted is not among all connections yet
        const sweep = setInterval(() => closing.closeAllConnections(), SWEEP_MS);
        closing.close(() => {
          clearInterval(sweep);
          resolve();
        });
        closing.closeAllConnections();
      });
    },
  };
}

function callOf(request: IncomingMessage, response: ServerResponse, bytes: Buffer): Call {
  const url = request.url ?? "/";
  const cut = url.indexOf("?");
  return {
    method: request.method ?? "GET",
    path: cut < 0 ? url : url.slice(0, cut),
    query: cut < 0 ? NO_QUERY : new URLSearchParams(url.slice(cut + 1)),
    params: NO_PARAMS,
    headers: request.headers,
    text: bytes.toString("utf8"),
    response,
  };
}

const NO_QUERY = new URLSearchParams();
const NO_PARAMS: readonly string[] = [];

function locationOf(call: Call, path: string): string {
  const query = call.query.size === 0 ? "" : `?${call.query.toString()}`;
  return `http://${call.headers.host ?? "localhost"}${path}${query}`;
}
