import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { Caller } from "../access/caller.ts";
import type { UserGate } from "../access/user-limits.ts";
import type { Core } from "../core/core.ts";
import type { StreamDeps } from "../stream/sse.ts";
import type { Counts } from "./counts.ts";

/** What every protocol has. */
export type PartDeps = {
  core: Core;
  streams: StreamDeps;
  gate: UserGate;
  counts: Counts;
  clock: Clock;
  log: Logger;
  version: string;
};

/** Adds one protocol's routes to the server. */
export type Part = (app: FastifyInstance, deps: PartDeps) => void;

declare module "fastify" {
  interface FastifyRequest {
    /** Who sends it. Null before that is known, and on routes that are open to everybody. */
    caller: Caller | null;
    /** What its log line says beside the usual. */
    facts: Record<string, unknown> | null;
  }
  interface FastifyContextConfig {
    /** Needs no credential. It shows nothing of any session. */
    open?: true;
    /** Is answered also while the server stops: its clients repeat nothing. What it writes is stored, or it fails. */
    toTheEnd?: true;
    /** Takes the keys of hooks, which nothing else takes. */
    hooks?: true;
  }
}

/** Who sends a request, on a route that is not open. */
export function callerOf({ caller }: FastifyRequest): Caller {
  if (caller === null) throw new Error("an open route has no caller");
  return caller;
}

/** Adds to a request's log line: ids, counts, never a body. */
export function note(request: FastifyRequest, facts: Record<string, unknown>): void {
  request.facts = { ...request.facts, ...facts };
}
