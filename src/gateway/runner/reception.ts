import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../shared/base/clock.ts";
import type { HttpErrorCode } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { readBody, refusalOf } from "../../shared/http/body.ts";
import type { BodyBudget } from "../../shared/http/budget.ts";
import { runnerCall, type RunnerCall } from "../../shared/messages/runner-call.ts";
import { leavingRunner } from "../../shared/messages/tunnel/leaving-runner.ts";
import type { Passage } from "../route/passage.ts";
import type { Registering } from "../tunnel/registering.ts";
import { targetOf } from "../tunnel/request.ts";
import { createCall, type Call } from "./call.ts";
import type { CallTools } from "./call-tools.ts";
import type { Asked } from "./runner-calls.ts";

/** Longest body of a runner's own call that is held to be sent again; a registration names its agents. */
const MAX_CALL_BYTES: number = 256 * 1024;

/** A runner's own calls, and the one by which it removes itself. */
export type OwnCall = RunnerCall | { kind: "leave"; runner: string };

type ReceptionDeps = {
  tools: CallTools;
  /** Serves a call that is whole. */
  serve: (known: OwnCall, call: Call, registering: Registering | undefined) => Promise<void>;
  /** Reads what a call says about its runner. Returns what becomes of it if it is a registration. */
  readCall: (asked: Asked) => Registering | undefined;
  refuse: (request: IncomingMessage, response: ServerResponse, code: HttpErrorCode, detail: string) => void;
  stopping: () => boolean;
  budget: BodyBudget;
  /** How long a body may take to arrive, milliseconds. */
  bodyMs: number;
  clock: Clock;
  logger: Logger;
};

/** Tells a runner's own calls from other requests, reads them, and has them served. */
export type Reception = {
  /** False if the request is none of them. */
  take(request: IncomingMessage, response: ServerResponse, start: () => void, pass: () => Passage): boolean;
  /** Ends every call but registrations, which are waited for. */
  stop(): void;
};

export function createReception(deps: ReceptionDeps): Reception {
  /** One function for each call that ends when the gateway stops. */
  const under = new Set<() => void>();
  const { budget, bodyMs: limitMs, clock } = deps;
  return {
    take(request, response, start, pass) {
      const known = ownCallOf(request);
      if (known === undefined || !canBeHeld(request)) return false;
      const began = clock.now();
      readBody(request, { limit: MAX_CALL_BYTES, limitMs, budget, clock, start }, (result) => {
        if (result.kind === "aborted") return;
        if (result.kind !== "body") {
          const { code, detail } = refusalOf(result.kind, MAX_CALL_BYTES);
          return deps.refuse(request, response, code, detail);
        }
        const { bytes: body, release } = result;
        request.resume();
        begin(deps, under, known, { request, response, passage: pass(), body, began }, release);
      });
      return true;
    },
    stop() {
      for (const end of under) end();
    },
  };
}

function begin(
  deps: ReceptionDeps,
  under: Set<() => void>,
  known: OwnCall,
  parts: Omit<Call, "signal" | "ended">,
  release: () => void,
): void {
  const { request, response, body } = parts;
  const registering = deps.readCall({
    method: request.method ?? "",
    target: targetOf(request.url ?? ""),
    body: { kind: "whole", bytes: body },
  });
  if (registering?.kind === "refused") {
    release();
    return deps.refuse(request, response, "runner_conflict", registering.detail);
  }
  const leaves = known.kind === "poll" ? "when_half_closed" : "when_closed";
  const { call, stop } = createCall(parts, leaves, () => {
    under.delete(stop);
    registering?.answered(undefined); // unless this was reported before
    release();
  });
  if (response.destroyed) {
    registering?.answered(undefined);
    return release();
  }
  if (known.kind !== "register") under.add(stop);
  if (known.kind !== "register" && deps.stopping()) stop();
  deps.serve(known, call, registering).catch((error: unknown) => {
    deps.logger.error({ err: error, call: known.kind }, "request failed unexpectedly");
    deps.tools.fail(call, "internal", "unexpected failure");
  });
}

/** Which of a runner's own calls a request is, if it is one. Pure. */
function ownCallOf({ method = "", url = "" }: IncomingMessage): OwnCall | undefined {
  const target = targetOf(url);
  const leaver = leavingRunner(method, target);
  return leaver === undefined ? runnerCall(method, target) : { kind: "leave", runner: leaver };
}

/** Can the body be held, to be sent again? One of unknown or great length is passed on as it comes and is not shielded; no runner sends one. */
function canBeHeld({ headers }: IncomingMessage): boolean {
  return (
    headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) <= MAX_CALL_BYTES
  );
}
