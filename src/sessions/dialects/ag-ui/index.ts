import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { codedError, errorText } from "../../../shared/base/errors.ts";
import { traceOf } from "../../../shared/base/tracing.ts";
import { isRefusal, type Refusal } from "../../access/caller.ts";
import type { SessionRef } from "../../core/find.ts";
import { bodyOf } from "../../http/bodies.ts";
import { callerTokenOf } from "../../http/caller-token.ts";
import { granted } from "../../http/checked.ts";
import { countIn } from "../../http/counts.ts";
import { queryText, sessionOf } from "../../http/parameters.ts";
import { callerOf, note, type PartDeps } from "../../http/part.ts";
import { streamSse, type SseForm } from "../../stream/sse.ts";
import { startOf, type Start } from "../../stream/start.ts";
import { readingForm, runForm } from "./forms.ts";
import { createReading } from "./reading.ts";
import { runAsked, type RunAsked } from "./run-input.ts";
import type { Wanted } from "./telling.ts";

export { RUN_BODY } from "./run-input.ts";

// run-input.ts reads what a run asks for · telling.ts makes events of what the log has: turn-words.ts of what a worker's agent says, pushed-words.ts (pushed-snapshot.ts, json-patch.ts, loose.ts) of
// what agents outside push, names.ts gives their ids one meaning each · sequence.ts puts events into an order that a client takes · history.ts makes a replay of the past,
// messages.ts its snapshot · reading.ts is what one client gets, forms.ts as bytes

type Deps = PartDeps & { random: () => string };

/** Sessions by AG-UI 1.0: a run is a turn, and a session's events are a stream of runs. */
export function addAgui(app: FastifyInstance, deps: Deps): void {
  app.post("/sessions/:id/agui/run", (request, reply) => startRun(request, reply, deps));
  app.get("/sessions/:id/agui/events", (request, reply) => readSession(request, reply, deps));
}

async function readSession(
  request: FastifyRequest,
  reply: FastifyReply,
  deps: PartDeps,
): Promise<FastifyReply> {
  const caller = callerOf(request);
  const ref = sessionOf(request);
  const start = startAsked(request);
  const session = granted(await deps.core.find(caller, ref));
  const after = await seenBefore(start, (from) =>
    deps.core.readEvents(caller, ref, { after: from, limit: 1 }),
  );
  const form = readingForm(createReading({ thread: session.id, ...after }));
  return await stream(request, reply, deps, { session: session.name, start: { seq: 0 }, form });
}

/** What the client has seen: places of this log, or of another one. */
async function seenBefore(
  start: Start,
  read: (from: Start) => Promise<{ kind: "events"; last: number } | Refusal>,
): Promise<{ after: number; isForeign?: boolean }> {
  if (start !== "latest" && start.seq === 0 && start.log === undefined) return { after: 0 };
  const page = await read(start);
  if (isRefusal(page) && page.code === "cursor_foreign") return { after: 0, isForeign: true };
  const { last } = granted(page);
  return { after: start === "latest" ? last : start.seq };
}

function startAsked(request: FastifyRequest): Start {
  const id = request.headers["last-event-id"];
  const start = startOf(queryText(request, "after"), typeof id === "string" ? id : undefined);
  if (start === undefined)
    throw codedError("cursor_invalid", "a stream begins behind an id of this stream, or at latest");
  return start;
}

async function startRun(request: FastifyRequest, reply: FastifyReply, deps: Deps): Promise<FastifyReply> {
  const caller = callerOf(request);
  const body = bodyOf(request);
  if (body === undefined) throw codedError("body_required", "this needs the input of a run as its body");
  const asked = runAsked(body.value);
  const ref = sessionOf(request);
  const session = granted(await deps.core.find(caller, ref));
  const { run, seq, wanted } =
    session.kind === "pod"
      ? await tellPod(request, deps, ref, { ...asked, body: body.bytes })
      : await askWorker(request, deps, ref, asked);
  note(request, { run, seq });
  if (!/\btext\/event-stream\b/i.test(request.headers.accept ?? ""))
    return reply.send({ runId: run, threadId: session.id });
  const over = new AbortController();
  const form = runForm(session.id, wanted, () => over.abort());
  return await stream(request, reply, deps, {
    session: session.name,
    start: { seq: seq - 1 },
    form,
    over: over.signal,
  });
}

type Began = { run: string; seq: number; wanted: Wanted };

async function askWorker(
  request: FastifyRequest,
  { core, counts }: PartDeps,
  ref: SessionRef,
  { run: turn, data }: RunAsked,
): Promise<Began> {
  const trace = traceOf(request.headers)?.traceparent;
  const callerToken = callerTokenOf(request.headers);
  const wish = { turn, data, whenBusy: "queue", trace, callerToken } as const;
  const accepted = granted(await core.submitTurn(callerOf(request), ref, wish));
  if (!accepted.repeated) countIn(counts.appends, "turn");
  return { run: accepted.turn, seq: accepted.seq, wanted: { kind: "turn", turn: accepted.turn } };
}

/** An agent outside gets the input as it came, as the message of a person, and answers by what it pushes. */
async function tellPod(
  request: FastifyRequest,
  { core, counts, random }: Deps,
  ref: SessionRef,
  { run: named, body }: RunAsked & { body: Uint8Array },
): Promise<Began> {
  const run = named ?? `run_${random()}`;
  const message = { type: "user", data: body, key: `run ${run}` };
  const { seq, repeated } = granted(await core.deliver(callerOf(request), ref, message));
  if (!repeated) countIn(counts.appends, "push");
  return { run, seq, wanted: { kind: "answer", run } };
}

async function stream(
  request: FastifyRequest,
  reply: FastifyReply,
  { streams, gate, counts, log }: PartDeps,
  of: { session: string; start: Start; form: SseForm; over?: AbortSignal },
): Promise<FastifyReply> {
  const { ended } = callerOf(request);
  const place = granted(gate.watch(callerOf(request)));
  note(request, { closed: "gone" });
  countIn(counts.watchers, "ag-ui");
  try {
    reply.hijack();
    const options = { ...of, ended, headers: reply.getHeaders() };
    const { why, error } = await streamSse(streams, reply.raw, options);
    note(request, { closed: why });
    if (error !== undefined) log.error({ err: errorText(error), ...request.facts }, "a stream failed");
  } finally {
    countIn(counts.watchers, "ag-ui", -1);
    place.giveBack();
  }
  return reply;
}
