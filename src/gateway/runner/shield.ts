import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../shared/base/clock.ts";
import type { HttpErrorCode } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { BodyBudget } from "../../shared/http/budget.ts";
import type { RelayState } from "../../shared/messages/relay-state.ts";
import type { Passage } from "../route/passage.ts";
import type { Route } from "../route/routes.ts";
import type { Registering } from "../tunnel/registering.ts";
import type { Tunnel } from "../tunnel/tunnel.ts";
import type { Call } from "./call.ts";
import { createCallTools, type Shielded } from "./call-tools.ts";
import { createGhosts } from "./ghosts.ts";
import { createHandouts } from "./handouts.ts";
import { createHeartbeats } from "./heartbeat.ts";
import type { KeptShield } from "./kept.ts";
import type { KeptRemoval } from "./kept-removals.ts";
import { createLeaves } from "./leaving.ts";
import { createPolls } from "./poll.ts";
import { createReception, type OwnCall } from "./reception.ts";
import { createRegisters } from "./register.ts";
import { createRegistrations } from "./registrations.ts";
import type { Asked } from "./runner-calls.ts";
import type { Runs } from "./runs.ts";
import { createStops } from "./stops.ts";
import { createSuspicion } from "./suspicion.ts";
import { createWay } from "./way.ts";

export type { Shielded } from "./call-tools.ts";

/** Keeps a runner and its agents alive while broker or relay are missing or fail (ADR 0022). */
export type Shield = {
  /** Serves a request if it is one of a runner's own calls; false if it is none. */
  serve(request: IncomingMessage, response: ServerResponse, start: () => void, pass: () => Passage): boolean;
  /** A relay published its state. */
  heard(state: RelayState): void;
  /** A runner reports on a run, or on a session that has none. */
  reported(route: Extract<Route, { kind: "write" }>): void;
  /** Runners whose removal waits here. */
  leaving(): KeptRemoval[];
  /** Answers everything that is held at once, and later polls and heartbeats too. */
  stop(): void;
};

export type ShieldDeps = {
  tunnel: Tunnel;
  runs: Runs;
  kept: KeptShield;
  /** Reads what a call says about its runner. Returns what becomes of it if it is a registration. */
  readCall: (asked: Asked) => Registering | undefined;
  refuse: (request: IncomingMessage, response: ServerResponse, code: HttpErrorCode, detail: string) => void;
  count: (what: Shielded) => void;
  budget: BodyBudget;
  /** How long a body may take to arrive. */
  bodyMs: number;
  clock: Clock;
  logger: Logger;
};

export function createShield(deps: ShieldDeps): Shield {
  const { tunnel, runs, kept, clock, logger } = deps;
  const way = createWay({ clock, logger });
  const tools = createCallTools({ ...deps, way });
  const suspicion = createSuspicion(clock);
  const handouts = createHandouts({ kept: kept.handouts, clock });
  const stops = createStops();
  let stopping = false;
  const ghosts = createGhosts({
    ask: (target, limits, body) => tunnel.ask(body === undefined ? "GET" : "POST", target, limits, body),
    handouts,
    stops,
    clock,
    logger,
  });
  const know = (run: string, session: string): void => runs.know(run, session);
  const register = createRegisters({
    ...tools,
    registrations: createRegistrations(kept.registrations),
    registered(runner) {
      suspicion.registered(runner);
      handouts.forget(runner);
    },
    stopping: () => stopping,
  });
  const ask: Tunnel["ask"] = (...asked) => tunnel.ask(...asked);
  const removals = createLeaves({ ...tools, kept: kept.removals, ask, logger });
  const serve = serverOf({
    poll: createPolls({ ...tools, suspicion, ghosts, handouts, stops, know }),
    heartbeat: createHeartbeats(tools),
    register,
    removals,
  });
  const reception = createReception({ ...deps, tools, serve, stopping: () => stopping });

  return {
    serve: (...came) => reception.take(...came),
    heard: (state) => way.heard(state),
    leaving: () => removals.waiting(),
    reported({ run, session }) {
      if (run !== undefined) handouts.reported(run.id, run.report);
      const ended =
        run === undefined ? session : run.report === "started" ? undefined : runs.sessionOf(run.id);
      if (ended !== undefined) stops.ended(ended);
    },
    stop() {
      stopping = true;
      reception.stop();
      removals.stop();
    },
  };
}

/** Has each call served by its own file. */
function serverOf({
  poll,
  heartbeat,
  register,
  removals,
}: {
  poll: ReturnType<typeof createPolls>;
  heartbeat: ReturnType<typeof createHeartbeats>;
  register: ReturnType<typeof createRegisters>;
  removals: ReturnType<typeof createLeaves>;
}): (known: OwnCall, call: Call, registering: Registering | undefined) => Promise<void> {
  return async (known, call, registering) => {
    switch (known.kind) {
      case "poll":
        if (known.runner !== undefined) removals.heard(known.runner);
        return poll(call, known.runner);
      case "heartbeat":
        return heartbeat(call);
      case "register":
        await removals.beforeRegister();
        return register(call, (status, body) => {
          if (registering?.kind === "passed") registering.answered({ status, body });
        });
      case "leave":
        return removals.serve(call, known.runner);
    }
  };
}
