import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../shared/base/clock.ts";
import type { HttpErrorCode } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { Outlet } from "../tunnel/exchange.ts";
import { responseOutlet } from "../tunnel/outlets.ts";
import type { Tunnel } from "../tunnel/tunnel.ts";
import { createRoom, MAX_ANSWER_BYTES, tryOnce, type Tried } from "./attempt.ts";
import type { Call } from "./call.ts";
import type { Way } from "./way.ts";

/** Most bytes of answers that all calls together hold until they are whole: four of the largest answers, or a thousand usual ones. */
const MAX_HELD_BYTES: number = 4 * MAX_ANSWER_BYTES;

/** What the gateway answers in place of the coordinator, by the names that metrics use. */
export type Shielded = "poll" | "heartbeat" | "register" | "leave" | "run" | "stop";

/** What the files that serve calls are handed. */
export type CallTools = {
  way: Way;
  clock: Clock;
  /** Passes a call on once, and reads its whole answer. */
  attempt: (call: Call, limitMs: number) => Promise<Tried>;
  /** Gives the client what an attempt came to. */
  handOn: (call: Call, tried: Extract<Tried, { kind: "answer" | "failed" }>) => void;
  /** Counts and logs an answer of our own. */
  answered: (call: Call, what: Shielded, fields: Record<string, unknown>) => void;
  /** Ends a call with an error. */
  fail: (call: Call, code: HttpErrorCode, detail: string) => void;
};

export function createCallTools(deps: {
  tunnel: Tunnel;
  way: Way;
  refuse: (request: IncomingMessage, response: ServerResponse, code: HttpErrorCode, detail: string) => void;
  count: (what: Shielded) => void;
  clock: Clock;
  logger: Logger;
}): CallTools {
  const { tunnel, way, clock, logger } = deps;
  const room = createRoom(MAX_HELD_BYTES);
  const plainOf = ({ request, response }: Call): Outlet =>
    responseOutlet(response, (code, detail) => deps.refuse(request, response, code, detail));
  return {
    way,
    clock,
    async attempt(call, limitMs) {
      const { request, body, passage, signal } = call;
      const open = (outlet: Outlet): (() => void) => tunnel.pass(request, body, passage, outlet);
      const tried = await tryOnce({ open, plain: plainOf(call), limitMs, signal, room, clock });
      if (tried.kind === "failed") way.failed(tried.code);
      return tried;
    },
    handOn(call, tried) {
      const plain = plainOf(call);
      if (tried.kind === "failed") return plain.fail(tried.code, tried.detail);
      const { status, statusText, headers, body, trailers } = tried.answer;
      plain.head(status, statusText, headers, false);
      if (body.length > 0) plain.data(body, () => undefined);
      plain.end(trailers);
    },
    answered(call, what, fields) {
      deps.count(what);
      const ms = Math.round(clock.now() - call.began);
      const line = { request: call.passage.id, call: what, ms, ...fields };
      if (what === "run" || what === "stop")
        logger.info(line, "delivered a run or stop command that a broken poll had claimed");
      else logger.debug(line, "answered a runner's call on behalf of the coordinator");
    },
    fail: (call, code, detail) => plainOf(call).fail(code, detail),
  };
}
