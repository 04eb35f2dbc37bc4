import type { FastifyInstance } from "fastify";
import { traceOf } from "../../shared/base/tracing.ts";
import type { TurnView } from "../core/turn-views.ts";
import { callerTokenOf } from "../http/caller-token.ts";
import { checkedBody, granted } from "../http/checked.ts";
import { countIn } from "../http/counts.ts";
import { callerOf, note, type PartDeps } from "../http/part.ts";
import { limitOf, placeOf, sessionOf } from "../http/parameters.ts";
import { DECISION_BODY, INPUT_BODY, MODE_BODY, TURN_BODY } from "./schemas.ts";

function turnJson({ turn, seq, status, cancelled, asked, started, ended }: TurnView): object {
  const time = (at: number | undefined): string | null =>
    at === undefined ? null : new Date(at).toISOString();
  return {
    turn_id: turn,
    seq,
    status,
    cancel_requested: cancelled,
    created_at: time(asked),
    started_at: time(started),
    ended_at: time(ended),
  };
}

type TurnPath = { turn: string };

/** Turns are asked for, listed and cancelled. Each 202 is sent when the wish is on disk. */
export function addTurns(app: FastifyInstance, { core, counts }: PartDeps): void {
  app.post("/sessions/:id/turns", async (request, reply) => {
    const { value, bytes } = checkedBody(request, TURN_BODY);
    const accepted = granted(
      await core.submitTurn(callerOf(request), sessionOf(request), {
        turn: value.client_turn_id,
        data: bytes, // as it came: the agent may know members that we do not
        whenBusy: value.when_busy ?? "queue",
        trace: traceOf(request.headers)?.traceparent,
        callerToken: callerTokenOf(request.headers),
      }),
    );
    const { turn, seq, repeated } = accepted;
    if (!repeated) countIn(counts.appends, "turn");
    note(request, { turn, seq, repeated });
    return reply.code(202).send({ turn_id: turn, seq, repeated });
  });

  app.get("/sessions/:id/turns", async (request) => {
    const page = { after: placeOf(request), limit: limitOf(request) };
    const { turns, next } = granted(await core.listTurns(callerOf(request), sessionOf(request), page));
    return { turns: turns.map(turnJson), next: next ?? null };
  });

  app.get("/sessions/:id/turns/:turn", async (request) => {
    const { turn } = request.params as TurnPath;
    return turnJson(granted(await core.findTurn(callerOf(request), sessionOf(request), turn)));
  });

  app.post("/sessions/:id/turns/:turn/cancel", async (request, reply) => {
    const { turn } = request.params as TurnPath;
    const became = granted(await core.cancel(callerOf(request), sessionOf(request), turn));
    note(request, { turn });
    if (became.kind === "ended") return turnJson(became.turn);
    countIn(counts.appends, "cancel");
    return reply.code(202).send({ turn_id: turn, seq: became.seq });
  });
}

/** What a session's user says while a turn runs. */
export function addAnswers(app: FastifyInstance, { core, counts }: PartDeps): void {
  app.post("/sessions/:id/permissions/:request", async (request, reply) => {
    const { request: question } = request.params as { request: string };
    const { allow, message, remember } = checkedBody(request, DECISION_BODY).value;
    const decision = {
      allow,
      ...(message === undefined ? {} : { message }),
      ...(remember === undefined ? {} : { remember }),
    };
    const { seq, repeated } = granted(
      await core.decide(callerOf(request), sessionOf(request), question, decision),
    );
    if (!repeated) countIn(counts.appends, "decision");
    return reply.code(202).send({ request_id: question, seq, repeated });
  });

  app.post("/sessions/:id/input", async (request, reply) => {
    const { value, bytes } = checkedBody(request, INPUT_BODY);
    const said = { id: value.input_id, data: bytes };
    const { seq, repeated } = granted(await core.input(callerOf(request), sessionOf(request), said));
    if (!repeated) countIn(counts.appends, "input");
    return reply.code(202).send({ seq, repeated });
  });

  app.put("/sessions/:id/permission-mode", async (request, reply) => {
    const { mode } = checkedBody(request, MODE_BODY).value;
    const { seq } = granted(await core.setMode(callerOf(request), sessionOf(request), mode));
    countIn(counts.appends, "mode");
    return reply.code(202).send({ mode, seq });
  });
}
