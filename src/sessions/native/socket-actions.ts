import type { FastifyRequest } from "fastify";
import { traceOf } from "../../shared/base/tracing.ts";
import { checked, granted } from "../http/checked.ts";
import { countIn } from "../http/counts.ts";
import { callerOf, type PartDeps } from "../http/part.ts";
import { noteFailure } from "../http/problems.ts";
import type { Fields, SessionAction } from "../stream/action.ts";
import type { Act } from "../stream/socket-requests.ts";
import { sessionOf } from "../http/parameters.ts";
import { DECISION_BODY, INPUT_BODY, TURN_BODY } from "./schemas.ts";

const CANCEL_FRAME = {
  type: "object",
  required: ["turn_id"],
  properties: { turn_id: { type: "string", minLength: 1 } },
} as const;
const PERMISSION_FRAME = {
  type: "object",
  required: ["request_id", "allow"],
  properties: { request_id: { type: "string", minLength: 1 }, ...DECISION_BODY.properties },
} as const;

/** What a socket's client can have done: the same as by the routes of its session, with the same checks. */
export function createAct(request: FastifyRequest, deps: PartDeps): Act {
  const { core, counts } = deps;
  const caller = callerOf(request);
  const ref = sessionOf(request);
  const trace = traceOf(request.headers)?.traceparent;

  const actions: Record<SessionAction, (fields: Fields) => Promise<Fields>> = {
    async execute(fields) {
      const { client_turn_id: turn, when_busy: whenBusy = "queue" } = checked(TURN_BODY, fields);
      const data = Buffer.from(JSON.stringify(fields));
      const accepted = granted(await core.submitTurn(caller, ref, { turn, data, whenBusy, trace }));
      if (!accepted.repeated) countIn(counts.appends, "turn");
      return { turn_id: accepted.turn, seq: accepted.seq, repeated: accepted.repeated };
    },
    async cancel(fields) {
      const { turn_id } = checked(CANCEL_FRAME, fields);
      const became = granted(await core.cancel(caller, ref, turn_id));
      if (became.kind === "ended") return { turn_id, status: became.turn.status };
      countIn(counts.appends, "cancel");
      return { turn_id, seq: became.seq };
    },
    async permission(fields) {
      const { request_id, ...decision } = checked(PERMISSION_FRAME, fields);
      const { seq, repeated } = granted(await core.decide(caller, ref, request_id, decision));
      if (!repeated) countIn(counts.appends, "decision");
      return { request_id, seq, repeated };
    },
    async input(fields) {
      const { input_id: id } = checked(INPUT_BODY, fields);
      const data = Buffer.from(JSON.stringify(fields));
      const { seq, repeated } = granted(await core.input(caller, ref, { id, data }));
      if (!repeated) countIn(counts.appends, "input");
      return { seq, repeated };
    },
  };

  return async (action, fields) => {
    try {
      return { kind: "done", answer: await actions[action](fields) };
    } catch (error) {
      return { kind: "refused", ...noteFailure(request, error, deps) };
    }
  };
}
