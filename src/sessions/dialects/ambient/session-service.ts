import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  ConnectError,
  createContextKey,
  type ContextKey,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import { errorText } from "../../../shared/base/errors.ts";
import { isRefusal, refuse, type Caller, type Refusal } from "../../access/caller.ts";
import type { SessionRef } from "../../core/find.ts";
import { promptOf } from "../../core/prompt.ts";
import { countIn } from "../../http/counts.ts";
import type { PartDeps } from "../../http/part.ts";
import { messageId, type Message } from "./message.ts";
import { dataOf } from "./payload.ts";
import { statusOf, statusOfEnd } from "./status.ts";
import { watchMessages } from "./watching.ts";
import {
  SessionMessageSchema,
  type SessionMessage,
  type SessionService,
} from "./wire/ambient/v1/sessions_pb.ts";

/** A call that is under way. */
export type Call = {
  caller: Caller;
  /** The client's key for it, by which a repeat is recognised. */
  key: string | undefined;
  /** Adds to its log line. */
  note: (facts: Record<string, unknown>) => void;
};

/** Where a handler finds its call. */
export const CALL: ContextKey<Call | undefined> = createContextKey<Call | undefined>(undefined);

type Deps = Pick<PartDeps, "core" | "streams" | "gate" | "counts" | "log"> & {
  /** Name of the log. */
  logName: () => string;
};

/** What `ambient.v1.SessionService` does. Pushes and watches are those of all protocols. */
export function sessionService(deps: Deps): ServiceImpl<typeof SessionService> {
  const { core, counts } = deps;
  return {
    async pushSessionMessage({ sessionId, eventType, payload }, context) {
      const call = callOf(context);
      demand(deps, call, { session_id: sessionId, event_type: eventType });
      call.note({ session: sessionId, type: eventType });
      const message = {
        type: eventType,
        data: dataOf(payload),
        ...turnOf(payload),
        key: call.key && `key ${call.key}`,
      };
      const ref = refOf(sessionId, context);
      const outcome = await core
        .deliver(call.caller, ref, message)
        .catch((error: unknown) => unexpected(deps, call, error));
      const { seq, at, repeated, known } = allowed(deps, call, outcome);
      if (!known) countIn(counts.appends, "created");
      if (!repeated) countIn(counts.appends, "push");
      return wire({
        id: messageId(seq, deps.logName()),
        session: sessionId,
        seq,
        type: eventType,
        payload,
        at,
      });
    },
    async *watchSessionMessages({ sessionId, afterSeq }, context) {
      const call = callOf(context);
      demand(deps, call, { session_id: sessionId });
      if (afterSeq < 0n || afterSeq > BigInt(Number.MAX_SAFE_INTEGER))
        throw failure(deps, call, refuse("cursor_invalid", "after_seq is no place in the log"));
      call.note({ session: sessionId, closed: "gone" });
      const place = allowed(deps, call, deps.gate.watch(call.caller));
      countIn(counts.watchers, "grpc");
      try {
        yield* watched(deps, call, refOf(sessionId, context), { seq: Number(afterSeq) }, context.signal);
      } catch (error) {
        if (error instanceof ConnectError) throw error;
        unexpected(deps, call, error);
      } finally {
        countIn(counts.watchers, "grpc", -1);
        place.giveBack();
      }
    },
  };
}

/** Waits for the session, and sends what it has and gets. Ends with the status of what ended it. */
async function* watched(
  deps: Deps,
  call: Call,
  ref: SessionRef,
  start: { seq: number },
  gone: AbortSignal,
): AsyncGenerator<SessionMessage, void> {
  const { ended } = call.caller;
  const { stopping } = deps.streams;
  const waiting = AbortSignal.any([gone, ended, stopping]);
  const found = await deps.core.awaitSession(call.caller, ref, waiting).catch((error: unknown) => {
    if (waiting.aborted) return undefined;
    throw error;
  });
  gone.throwIfAborted(); // with its reason: the deadline, or the client's leave
  if (found === undefined) throw statusOfEnd(ended.aborted ? "auth" : "stopping");
  const session = allowed(deps, call, found);
  const messages = watchMessages(deps.streams, { session, start, ended, gone });
  try {
    for (;;) {
      const next = await messages.next();
      if (next.done === true) {
        gone.throwIfAborted();
        const why = next.value === "caught_up" ? "gone" : next.value;
        call.note({ closed: why });
        throw statusOfEnd(why);
      }
      yield wire(next.value);
    }
  } finally {
    await messages.return("gone");
  }
}

function wire({ id, session, seq, type, payload, at }: Message): SessionMessage {
  return create(SessionMessageSchema, {
    id,
    sessionId: session,
    seq: BigInt(seq),
    eventType: type,
    payload,
    ...(at === undefined ? {} : { createdAt: timestampFromMs(at) }),
  });
}

function turnOf(payload: string): { turn: Uint8Array } {
  return { turn: Buffer.from(JSON.stringify({ user_input: promptOf(payload) })) };
}

/** The session that a call names. A caller that acts for all users says whose it is. */
function refOf(id: string, { requestHeader }: HandlerContext): SessionRef {
  return { id, user: requestHeader.get("rr-user-id") ?? undefined };
}

function callOf({ values }: HandlerContext): Call {
  const call = values.get(CALL);
  if (call === undefined) throw new Error("a call that was not admitted");
  return call;
}

function demand(deps: Deps, call: Call, fields: Record<string, string>): void {
  for (const [name, value] of Object.entries(fields))
    if (value === "") throw failure(deps, call, refuse("field_missing", `${name} is required`));
}

function allowed<T extends object>(deps: Deps, call: Call, outcome: T | Refusal): T {
  if (isRefusal(outcome)) throw failure(deps, call, outcome);
  return outcome;
}

function failure({ counts }: Deps, call: Call, refusal: Refusal): ConnectError {
  countIn(counts.refusals, refusal.code);
  call.note({ code: refusal.code });
  return statusOf(refusal);
}

/** Of what nobody expects only the server's log says more. */
function unexpected(deps: Deps, call: Call, error: unknown): never {
  deps.log.error({ err: errorText(error) }, "a call failed unexpectedly");
  throw failure(deps, call, refuse("internal", "unexpected failure; the server's log has more"));
}
