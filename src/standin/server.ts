import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../shared/base/clock.ts";
import type { Logger } from "../shared/base/logger.ts";
import { createAnswering } from "./answering.ts";
import { itemArrivalOf } from "./arrival.ts";
import { authRefusal } from "./auth.ts";
import { detail, type Call } from "./call.ts";
import { createFaults, type Faults } from "./faults.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { send } from "./respond.ts";
import { createRouter } from "./router.ts";
import { contractRoutes } from "./routes.ts";
import { createState, type State } from "./state.ts";
import { faultRoutes, ledgerRoutes } from "./test-routes.ts";

// server.ts takes requests in · answering.ts answers them · router.ts finds the route · auth.ts refuses · validation.ts + models.ts judge bodies
// routes.ts the coordinator's contract: session-routes.ts, run-routes.ts, runner-routes.ts, agent-routes.ts · state.ts what it knows · sse.ts sends it out
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
  /** Polls continue when their client has left, like in the real coordinator, and may take a run that reaches no runner. Default: off. */
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
const NO_QUERY = new URLSearchParams();
const NO_PARAMS: readonly string[] = [];

export function createCoordinator(options: CoordinatorOptions): Coordinator {
  const { clock, token, record } = options;
  const state = createState({ clock, heartbeatMs: options.heartbeatMs ?? HEARTBEAT_MS });
  const faults = createFaults(options.random ?? Math.random);
  const ledger = createLedger(options.ledgerFile === undefined ? {} : { file: options.ledgerFile });
  const routes = contractRoutes(state, {
    autoCreateSessions: options.autoCreateSessions ?? false,
    pollMs: options.pollMs ?? POLL_MS,
    ghostPolls: options.ghostPolls ?? false,
    batch: options.batch ?? false,
    noteItem(call, item, reply) {
      if (record !== undefined)
        ledger.add(itemArrivalOf(call, item, reply, clock.wall()), JSON.stringify(item));
    },
  });
  const own = [
    ...(record === undefined ? [] : ledgerRoutes(ledger)),
    ...(options.faults ? faultRoutes(faults) : []),
  ];
  const answer = createAnswering({
    clock,
    contract: createRouter(routes),
    own: createRouter(own),
    faults,
    ledger,
    token,
    record,
    runSession: (id) => state.runs.get(id)?.session_id,
  });

  function take(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    const stranger = token !== undefined && authRefusal(request.headers.authorization, token) !== undefined;
    // what a stranger sends is refused anyway: it is not kept
    request.on("data", (chunk: Buffer) => stranger || chunks.push(chunk));
    request.on("error", () => {}); // the caller went away while sending, so no answer is needed
    request.on("end", () => {
      const only = chunks[0];
      const bytes = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
      try {
        answer(callOf(request, response, bytes));
      } catch (error) {
        options.log.error({ err: error, path: request.url }, "request failed");
        send(response, detail(500, "Internal Server Error"));
      }
    });
  }

  return { state, faults, ledger, ...createPort(take) };
}

/** The port that it listens at. */
function createPort(take: RequestListener): Pick<Coordinator, "listen" | "close"> {
  let server: Server | undefined;
  return {
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
