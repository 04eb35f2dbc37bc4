import { pipeline } from "node:stream/promises";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../../shared/base/clock.ts";
import { codedError } from "../../shared/base/errors.ts";
import { traceOf } from "../../shared/base/tracing.ts";
import { isRefusal, lacks } from "../access/caller.ts";
import { bodyOf } from "../http/bodies.ts";
import { granted } from "../http/checked.ts";
import { countIn } from "../http/counts.ts";
import { sessionOf } from "../http/parameters.ts";
import { callerOf, note, type PartDeps } from "../http/part.ts";
import type { Addresses } from "./address.ts";
import { callRunner, IDLE_MS, MEDIUM, SHORT, type Limits, type RunnerAnswer } from "./client.ts";
import type { RunnerFetch } from "./transport.ts";

export { readAddresses, type Addresses } from "./address.ts";
export { tokensIn } from "./token-folder.ts";
export { createRunnerFetch, type RunnerFetch } from "./transport.ts";

// address.ts says where the runner of a session is · transport.ts sends, with its token (token-folder.ts) to that address only · client.ts bounds the calls, and says what became of them

/** How runners of pods are reached. */
export type Runners = { addresses: Addresses; send: RunnerFetch };

type Deps = PartDeps & { runners: Runners | undefined };

/** What is asked of a runner: our path of it, the runner's own, and how long it may take. */
type Passed = { method: "GET" | "POST"; path: string; limits?: Limits };

const PASSED: readonly [ours: string, Passed][] = [
  ["interrupt", { method: "POST", path: "interrupt" }],
  ["feedback", { method: "POST", path: "feedback" }],
  ["capabilities", { method: "GET", path: "capabilities" }],
  ["mcp", { method: "GET", path: "mcp/status" }],
  ["tasks", { method: "GET", path: "tasks" }],
  ["tasks/:task/stop", { method: "POST", path: "tasks/:task/stop" }],
  ["tasks/:task/output", { method: "GET", path: "tasks/:task/output", limits: MEDIUM }],
];

const HEADERS = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" };

/** A task as runners name it: a segment of a path that stays one. */
const TASK = /^(?!\.{1,2}$)[\w.-]{1,200}$/;

/** Passes on what a session's user wants of the runner of its pod. */
export function addRunner(app: FastifyInstance, deps: Deps): void {
  for (const [ours, passed] of PASSED)
    app.route({
      method: passed.method,
      url: `/sessions/:id/runner/${ours}`,
      handler: (request, reply) => pass(request, reply, deps, passed),
    });
}

async function pass(
  request: FastifyRequest,
  reply: FastifyReply,
  deps: Deps,
  { method, path, limits = SHORT }: Passed,
): Promise<FastifyReply> {
  const { core, gate, runners } = deps;
  const caller = callerOf(request);
  const isWriting = method === "POST";
  granted((isWriting ? (lacks(caller, "user") ?? gate.write(caller, 1)) : undefined) ?? {});
  const session = granted(await core.find(caller, sessionOf(request)));
  const isPod = session.kind === "pod";
  const base = isPod ? runners?.addresses.of({ session: session.id, user: session.user }) : undefined;
  if (runners === undefined || base === undefined)
    throw codedError("runner_unknown", "this server knows no runner of the session");
  const url = new URL(path.replace(":task", taskOf(request)), base);
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort());
  const body = isWriting ? (bodyOf(request)?.bytes ?? Buffer.from("{}")) : undefined;
  const trace = traceOf(request.headers)?.traceparent;
  const headers = {
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...(trace === undefined ? {} : { traceparent: trace }),
  };
  const call = { method, headers, ...(body === undefined ? {} : { body }) };
  const of = { send: runners.send, clock: deps.clock };
  const answer = granted(await callRunner(of, url, call, { limits, gone: gone.signal }));
  if (answer.kind === "stream") return await passStream(request, reply, deps, answer);
  note(request, { runner: answer.status });
  const isJson = /^application\/json\b/i.test(answer.type);
  return reply
    .code(answer.status)
    .header("x-content-type-options", "nosniff")
    .type(isJson ? "application/json; charset=utf-8" : "text/plain; charset=utf-8")
    .send(Buffer.from(answer.body));
}

function taskOf({ params }: FastifyRequest): string {
  const { task = "" } = params as { task?: string };
  if (task === "" || TASK.test(task)) return task;
  throw codedError("field_invalid", "the task's name has letters, digits, dots, _ and - only");
}

/** Passes a runner's stream on until it ends or there is a reason to end. It counts as one of its user's watchers. */
async function passStream(
  request: FastifyRequest,
  reply: FastifyReply,
  { gate, counts, clock, streams }: Deps,
  stream: RunnerAnswer & { kind: "stream" },
): Promise<FastifyReply> {
  const caller = callerOf(request);
  const stop = (): void => stream.stop();
  const asked = gate.watch(caller);
  if (isRefusal(asked)) stop();
  const place = granted(asked);
  const ending = AbortSignal.any([caller.ended, streams.stopping]);
  ending.addEventListener("abort", stop, { once: true });
  if (ending.aborted) stop();
  countIn(counts.watchers, "runner");
  reply.hijack();
  reply.raw.writeHead(200, HEADERS);
  // when it is stopped, or the runner breaks off, the client sees the end
  await pipeline(whileAlive(stream.chunks, { clock, stop }), reply.raw).catch(() => undefined);
  ending.removeEventListener("abort", stop);
  countIn(counts.watchers, "runner", -1);
  place.giveBack();
  return reply;
}

/** The chunks, until none came for {@link IDLE_MS}. */
async function* whileAlive(
  chunks: AsyncIterable<Uint8Array>,
  { clock, stop }: { clock: Clock; stop: () => void },
): AsyncGenerator<Uint8Array, void> {
  let cancel = clock.after(IDLE_MS, stop);
  try {
    for await (const chunk of chunks) {
      cancel();
      cancel = clock.after(IDLE_MS, stop);
      yield chunk;
    }
  } finally {
    cancel();
  }
}
