import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { Span, Tracing } from "../../shared/base/tracing.ts";
import type { BodyBudget } from "../../shared/http/budget.ts";
import type { Committer } from "../../shared/log/append/commit.ts";
import type { Outcome } from "../../shared/log/append/write.ts";
import type { Durability } from "../../shared/log/durability/durability.ts";
import type { FoundSession, Runs } from "../runner/index.ts";
import type { Address } from "./addresses.ts";
import { answerWaitOf } from "./answer-wait.ts";
import { bodyOf, sessionOf } from "./arrival.ts";
import type { BacklogLimits } from "./backlog-limits.ts";
import type { Command } from "./command.ts";
import { isUsableKey, type KeyedIds } from "./identity.ts";
import type { Judge, Judged } from "./judge.ts";
import { endPublishing, publishingSpan } from "./publishing.ts";
import type { Relays } from "./relays.ts";
import type { Repeats } from "./repeats.ts";
import { createReplies, type Replies } from "./replies.ts";
import type { Waiting } from "./waiting.ts";
import { lineOf, writeCallOf, type WriteCall, type WriteRoute } from "./write-call.ts";
import type { WriteCounts } from "./write-counts.ts";

// write-call.ts is a request that is served · arrival.ts reads its body and finds its session · judge.ts and command.ts make what is forwarded, rebuild.ts the
// bodies of binds and metadata · tokens.ts, identity.ts and repeats.ts give it an id and know it again · backlog-limits.ts limits · ../../shared/log/append stores ·
// relays.ts and answer-wait.ts say whether the coordinator's answer can be waited for, waiting.ts waits for it, handout.ts and replies.ts hand it out ·
// publishing.ts traces
// Each step before the log can refuse the write; after it nothing refuses any more, because the event is stored (DURABLE-1). So this file follows one request
// from its first byte to its answer, and every other file here decides about bytes or numbers and is tested without a request.

export type WritesDeps = {
  judge: Judge;
  addressOf: (session: string) => Address;
  /** A new id for an event without a key. */
  newId: () => string;
  /** The id of an event with one. */
  keyedId: KeyedIds;
  /** How long an executor waits for the coordinator's own answer, milliseconds. */
  answerWaitMs: number;
  /** Largest body at the moment, bytes. */
  bodyLimit: () => number;
  /** How long a body may take to arrive. */
  bodyMs: number;
  durability: () => Durability;
  /** Subject on which this process hears the answer to an event. */
  answerSubject: (id: string) => string;
  committer: Committer;
  waiting: Waiting;
  relays: Relays;
  runs: Runs;
  /** Asks the coordinator for the session of a run. */
  findRun: (run: string) => Promise<FoundSession>;
  backlog: BacklogLimits;
  repeats: Repeats;
  budget: BodyBudget;
  counts: WriteCounts;
  tracing?: Tracing | undefined;
  clock: Clock;
  logger: Logger;
};

/** Serves the writes: body in, event into the log, answer out. */
export function createWrites(
  deps: WritesDeps,
): (request: IncomingMessage, response: ServerResponse, route: WriteRoute, start: () => void) => void {
  const { clock, logger } = deps;
  const replies = createReplies(deps);
  return (request, response, route, start) => {
    const call = writeCallOf(request, response, route, deps);
    serve(deps, replies, call, start).catch((error: unknown) => {
      logger.error({ ...lineOf(call, clock.now()), err: error }, "write failed unexpectedly");
      if (!call.handedOver) replies.refuse(call, { code: "internal", detail: "unexpected failure" });
    });
  };
}

/**
 * From the first byte to the answer. What is usually there at once is not awaited (the session, and the verdict on a body of usual size), because each
 * `await` of every request costs about a percent of the gateway's processor time.
 */
async function serve(deps: WritesDeps, replies: Replies, call: WriteCall, start: () => void): Promise<void> {
  const { route } = call;
  const arrived = await bodyOf(call, start, deps);
  if (arrived.kind === "gone") return;
  if (arrived.kind === "refused") return replies.refuse(call, arrived);
  using _share = arrived;

  const named = sessionOf(route, deps);
  const session = named instanceof Promise ? await named : named;
  if (typeof session === "object") return replies.refuse(call, session);
  call.session = session;

  const key = call.request.headers["idempotency-key"] as string | undefined;
  const body = { write: route.write, session, bytes: arrived.bytes, digest: key !== undefined };
  const judging = judged(deps.judge, body);
  const { command, digest } = judging instanceof Promise ? await judging : judging;
  if (!command.ok) return replies.refuse(call, command);
  call.session = command.session;

  if (key === undefined) call.id = deps.newId();
  else if (isUsableKey(key)) call.id = deps.keyedId(command.session, route.write, key, route.run);
  else {
    const detail = "the Idempotency-Key must be 1 to 255 visible ASCII characters";
    return replies.refuse(call, { code: "idempotency_key_invalid", detail });
  }
  const event = { id: call.id, session: command.session, type: arrived.type, body: command.body, digest };
  call.span?.set({ "runner_relay.event.id": event.id, "runner_relay.session.id": event.session });
  if (digest !== undefined && !isFirst(deps, replies, call, event.id, digest)) return;
  const entry = admitted(deps, replies, call, event);
  if (entry === undefined) return;
  entry.tell(await handedOver(deps, call, event, entry));
}

type Verdict = { command: Command; digest: string | undefined };

/** The verdict at once, or a promise of it for a body that is read in slices. */
function judged(judge: Judge, body: Judged): Verdict | Promise<Verdict> {
  let verdict: Verdict | undefined;
  let resolve: ((verdict: Verdict) => void) | undefined;
  judge(body, (command, digest) => {
    verdict = { command, digest };
    resolve?.(verdict);
  });
  return verdict ?? new Promise<Verdict>((then) => (resolve = then));
}

/** Is this the first request with its key in this process? Any other one is answered here, now or when the first one ends. */
function isFirst(deps: WritesDeps, replies: Replies, call: WriteCall, id: string, digest: string): boolean {
  const repeat = deps.repeats.begin(id, digest, (conclusion) => void replies.conclude(call, conclusion));
  switch (repeat.kind) {
    case "first":
      return true;
    case "conflict":
      replies.refuse(call, {
        code: "idempotency_key_reused",
        detail: "the Idempotency-Key was already used with a different body",
      });
      return false;
    case "stored":
      replies.conclude(call, repeat.conclusion);
      return false;
    case "following":
      return false;
  }
}

type Event = { id: string; session: string; type: string; body: Uint8Array; digest: string | undefined };

/** An event that may enter the log. */
type Admitted = {
  address: ReturnType<WritesDeps["addressOf"]>;
  /** How long the coordinator's answer is waited for, milliseconds; undefined: not at all. */
  waitMs: number | undefined;
  publishing: Span | undefined;
  /** Passes the log's answer on to every part that waits for it. */
  tell(outcome: Outcome): void;
};

/** Refuses an event of a session with too many of them. Otherwise prepares its answer. */
function admitted(deps: WritesDeps, replies: Replies, call: WriteCall, event: Event): Admitted | undefined {
  const { waiting, repeats, backlog, counts } = deps;
  const { id, session } = event;
  const keyed = event.digest !== undefined;
  const address = deps.addressOf(session);
  const { shard } = address;
  if (!backlog.admits(session, shard)) {
    const detail = "this session has too many pending events";
    const outcome = { kind: "failed", code: "session_backlog_full", detail } as const;
    if (keyed) repeats.end(id, { kind: "failed", outcome });
    replies.refuse(call, outcome);
    return undefined;
  }
  const waitMs = answerWaitOf(call, session, shard, deps);
  const pending = waiting.open(id, shard, waitMs, (conclusion) => {
    const told = replies.conclude(call, conclusion);
    if (keyed) repeats.end(id, conclusion);
    return told;
  });
  const bytes = event.body.length; // afterwards the body is empty
  const publishing = publishingSpan(deps.tracing, call, bytes);
  return {
    address,
    waitMs,
    publishing,
    tell(outcome) {
      if (outcome.kind === "stored") {
        counts.accepted++;
        if (!outcome.duplicate) backlog.stored(session, shard, bytes);
      }
      waiting.settled(pending, outcome);
      if (publishing !== undefined) endPublishing(publishing, outcome);
    },
  };
}

/** Hands an event to the log. Resolves with the log's word. */
function handedOver(
  deps: WritesDeps,
  call: WriteCall,
  { id, session, type, body, digest }: Event,
  { address, waitMs, publishing }: Admitted,
): Promise<Outcome> {
  const { write, run } = call.route;
  return new Promise((settle) => {
    deps.committer.add({
      id,
      keyed: digest !== undefined,
      kind: write,
      session,
      run,
      subject: address.of[write].subject,
      lines: address.of[write].lines,
      receivedAt: deps.clock.wall(),
      type,
      body,
      answer: waitMs === undefined ? undefined : deps.answerSubject(id),
      trace: publishing?.context ?? call.trace,
      patienceMs: call.prefer.waitMs,
      settle,
    });
    call.handedOver = true;
  });
}
