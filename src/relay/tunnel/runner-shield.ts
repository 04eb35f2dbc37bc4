import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logger.ts";
import { sessionIdProblem, sessionToken } from "../../shared/session-id.ts";
import { readAnswerObject } from "../forward/answer-body.ts";
import { collect, type Collected } from "./collect.ts";
import type { Upstream, UpstreamCall, UpstreamEvents, UpstreamRequest } from "./upstream.ts";
import { isCoordinatorsWord, isForgotten } from "./whose-word.ts";

/** The coordinator answers a poll without work after this long; so do we for it. */
const POLL_MS = 30_000;
/** A runner gives up on a heartbeat after 5 s; a coordinator that hangs is none that is there. */
const HEARTBEAT_MS = 3000;
/** A whole answer that is read here must be over so long after its head was due; a runner waits no longer either. */
const WHOLE_MS = 10_000;
/** While a poll is held, the coordinator is looked for this often; the pause of a runner whose coordinator fails without being away. */
const LOOK_MS = 1000;
const ANSWERED_BY = ["Rr-Answered-By", "relay"];
const JSON_TYPE = ["content-type", "application/json"];

/** Which of the runner's own calls a request is. Pure. */
function runnerCall(method: string, target: string): { kind: "register" | "poll" | "heartbeat" } | undefined {
  const path = (target.split("?", 1)[0] ?? "").replace(/\/+$/, "");
  if (method === "POST" && path === "/runner/register") return { kind: "register" };
  if (method === "GET" && path === "/runner/runs") return { kind: "poll" };
  if (method === "POST" && path === "/runner/heartbeat") return { kind: "heartbeat" };
  return undefined;
}

/** Where registrations outlive a relay; keys are tokens. */
export type Registrations = {
  get(token: string): Promise<Uint8Array | undefined>;
  put(token: string, body: Uint8Array): Promise<void>;
};

/**
 * Keeps a runner alive through an outage (DESIGN 7): its poller gives up after three failures, about 3 s, and takes all its agents with it.
 * So a poll in an outage is answered 204 at its usual pace and a heartbeat 200, each marked `Rr-Answered-By: relay`; and a
 * coordinator that restarted and forgot its runners (401 "Runner not registered") is told again what the runner registered.
 */
export function shieldRunner(deps: {
  upstream: Upstream;
  clock: Clock;
  log: Logger;
  registrations: Registrations;
  /** Is the coordinator known to be away? Then nobody is asked. */
  away: () => boolean;
  /** Something else than the coordinator answers: is it there at all? */
  doubt: () => void;
}): Upstream {
  const { upstream, clock, log, registrations } = deps;
  const registering = new Map<string, Promise<boolean>>();
  /** Status of the last answer that was not the coordinator's; undefined since it spoke itself. */
  let strange: number | undefined;

  function notCoordinators(status: number): void {
    deps.doubt();
    if (status === strange) return;
    strange = status;
    log.warn({ status }, "a runner was answered by something else than the coordinator, and is kept alive");
  }

  /** Tells the coordinator again what a runner registered; true when it knows the runner now. */
  function registerAgain(runner: string, like: UpstreamRequest): Promise<boolean> {
    let under = registering.get(runner);
    if (under === undefined) {
      under = (async () => {
        const body = await registrations.get(sessionToken(runner));
        if (body === undefined) return false;
        const headers = like.headers.filter(
          (_, i) => like.headers[i - (i % 2)]?.toLowerCase() !== "content-type",
        );
        const request = {
          method: "POST",
          target: "/runner/register",
          headers: [...headers, ...JSON_TYPE],
          headLimitMs: like.headLimitMs,
          body,
        };
        const answer = await ask(request, new AbortController().signal);
        const known = answer.kind === "answer" && answer.status < 300 && runnerOf(answer.body) === runner;
        log.info({ runner, known }, "runner registered again");
        return known;
      })().finally(() => registering.delete(runner));
      registering.set(runner, under);
    }
    return under;
  }

  async function serve(
    kind: "register" | "poll" | "heartbeat",
    request: UpstreamRequest,
    events: UpstreamEvents,
    signal: AbortSignal,
  ): Promise<void> {
    const began = clock.now();
    const limitMs = kind === "heartbeat" ? HEARTBEAT_MS : undefined;
    let answer = await ask(request, signal, limitMs);
    if (kind === "register") {
      if (answer.kind === "answer" && answer.status < 300 && request.body instanceof Uint8Array) {
        const runner = runnerOf(answer.body);
        if (runner !== undefined) await registrations.put(sessionToken(runner), request.body);
      }
      return hand(answer, events);
    }
    const runner =
      kind === "poll"
        ? usableId(new URL(request.target, "http://x").searchParams.get("runner_id"))
        : runnerOf(bodyOf(request));
    if (forgotten(answer) && runner !== undefined && (await registerAgain(runner, request)))
      answer = await ask(request, signal, limitMs);
    if (answer.kind === "answer") {
      if (!isCoordinatorsWord(answer)) notCoordinators(answer.status);
      else {
        strange = undefined;
        return hand(answer, events);
      }
    }
    if (kind === "heartbeat")
      return answerOurselves(events, 200, "OK", JSON_TYPE, Buffer.from('{"ok":true}'));
    // Held until the coordinator is back; the runner then polls anew. Asking for it here could take as long again as the coordinator
    // holds a poll, and a run handed to a runner that gave up meanwhile would be lost.
    const end = began + POLL_MS;
    do await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve));
    while (!signal.aborted && deps.away() && clock.now() < end);
    if (!signal.aborted) answerOurselves(events, 204, "No Content", [], undefined);
  }

  async function ask(
    request: UpstreamRequest,
    signal: AbortSignal,
    limitMs: number = request.headLimitMs + WHOLE_MS,
  ): Promise<Collected> {
    if (deps.away())
      return {
        kind: "failed",
        code: "coordinator_unreachable",
        text: "Failed to connect to Agent Coordinator: it is away",
      };
    const { result, call } = collect(upstream, request);
    const stop = (): void => call.abort();
    signal.addEventListener("abort", stop, { once: true });
    const late = Promise.withResolvers<Collected>();
    const cancel = clock.after(limitMs, () => {
      stop();
      late.resolve({ kind: "failed", code: "coordinator_timeout", text: "no answer in time" });
    });
    try {
      return await Promise.race([result, late.promise]);
    } finally {
      cancel();
      signal.removeEventListener("abort", stop);
    }
  }

  return {
    call(request, events): UpstreamCall {
      const known = runnerCall(request.method, request.target);
      const streamed = request.body !== undefined && !(request.body instanceof Uint8Array);
      if (known === undefined || streamed || request.upgrade !== undefined)
        return upstream.call(request, events);
      const abort = new AbortController();
      serve(known.kind, request, events, abort.signal).catch((error: unknown) =>
        events.failed("internal", String(error)),
      );
      return { resume() {}, abort: () => abort.abort() };
    },
    close: () => upstream.close(),
  };
}

function hand(answer: Collected, events: UpstreamEvents): void {
  if (answer.kind === "failed") return events.failed(answer.code, answer.text);
  events.head(answer.status, answer.statusText, answer.headers);
  if (answer.body.length > 0) events.data(answer.body);
  events.end([]);
}

function answerOurselves(
  events: UpstreamEvents,
  status: number,
  statusText: string,
  headers: string[],
  body: Uint8Array | undefined,
): void {
  events.head(status, statusText, [...ANSWERED_BY, ...headers]);
  if (body !== undefined) events.data(body);
  events.end([]);
}

function forgotten(answer: Collected): boolean {
  return answer.kind === "answer" && isForgotten(answer);
}

function bodyOf(request: UpstreamRequest): Uint8Array {
  return request.body instanceof Uint8Array ? request.body : new Uint8Array();
}

/** `runner_id` of a JSON body. */
function runnerOf(body: Uint8Array): string | undefined {
  return usableId(readAnswerObject(body)?.["runner_id"]);
}

/** It becomes a key and a subject: a long one makes the broker drop the connection. */
function usableId(id: unknown): string | undefined {
  return typeof id === "string" && sessionIdProblem(id) === undefined ? id : undefined;
}
