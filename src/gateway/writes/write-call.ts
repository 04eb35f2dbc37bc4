import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../shared/base/clock.ts";
import { traceIdOf, traceOf, type Span, type TraceContext, type Tracing } from "../../shared/base/tracing.ts";
import { readPrefer, type Preference } from "../../shared/http/prefer.ts";
import { endWith, requestIdOf, serverSpan, templateOf } from "../route/passage.ts";
import type { WriteRefusal } from "../contract/refusals.ts";
import type { Route } from "../route/routes.ts";

export type WriteRoute = Extract<Route, { kind: "write" }>;

/** What is known of a write's request while it is served: for the answer and its log line. */
export type WriteCall = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly route: WriteRoute;
  /** Monotonic time. */
  readonly startedAt: number;
  readonly prefer: Preference;
  /** What `Preference-Applied` will say where the coordinator's answer was waited for. */
  applied: string | undefined;
  session: string | undefined;
  id: string | undefined;
  /** It was handed to the log, so it may be stored: only `waiting` may answer it, and nothing refuses it any more (DURABLE-1). */
  handedOver: boolean;
  readonly span: Span | undefined;
  /** Of the span, else the executor's own. */
  readonly trace: TraceContext | undefined;
};

/** Why a write is not stored. */
export type Refused = { kind: "refused"; code: WriteRefusal; detail: string };

/** Begins a call, and its span if requests are traced. */
export function writeCallOf(
  request: IncomingMessage,
  response: ServerResponse,
  route: WriteRoute,
  { tracing, clock }: { tracing?: Tracing | undefined; clock: Clock },
): WriteCall {
  const { headers } = request;
  const span = tracing && serverSpan(tracing, request, templateOf(route));
  if (span !== undefined) endWith(span, response);
  return {
    request,
    response,
    route,
    startedAt: clock.now(),
    prefer: readPrefer(headers["prefer"] as string | undefined),
    applied: undefined,
    session: route.session,
    id: undefined,
    handedOver: false,
    span,
    trace: span?.context ?? traceOf(headers),
  };
}

/** The fields of its log line. Pure. */
export function lineOf(call: WriteCall, now: number): Record<string, unknown> {
  const { request, route, session, id, trace, startedAt } = call;
  const given = requestIdOf(request.headers);
  return {
    kind: route.write,
    session,
    event: id,
    ...(given === undefined ? {} : { request: given }),
    ...(trace === undefined ? {} : { trace: traceIdOf(trace) }),
    ms: Math.round(now - startedAt),
  };
}
