import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { codedError, errorText } from "../../../shared/base/errors.ts";
import type { Session } from "../../../shared/session-log/registry/entry.ts";
import { promptOf } from "../../core/prompt.ts";
import { USER_MESSAGE } from "../../core/push.ts";
import { checkedBody, granted } from "../../http/checked.ts";
import { countIn } from "../../http/counts.ts";
import { queryText, sessionOf } from "../../http/parameters.ts";
import { callerOf, note, type PartDeps } from "../../http/part.ts";
import type { Sent } from "../../stream/follow.ts";
import { streamSse, type SseForm } from "../../stream/sse.ts";
import { sseBytes } from "../../stream/sse-bytes.ts";
import { startOf, type Start } from "../../stream/start.ts";
import { messageId, messageJson, type Message } from "./message.ts";
import { dataOf } from "./payload.ts";
import { createShowing } from "./showing.ts";
import { watchMessages } from "./watching.ts";

const MESSAGES = "/api/ambient/v1/sessions/:id/messages";

/** A message of a person. */
export const MESSAGE_BODY = {
  type: "object",
  required: ["event_type", "payload"],
  properties: { event_type: { const: USER_MESSAGE }, payload: { type: "string" } },
} as const;

/** The messages of a session as a list and as a stream, and a way for people to add one. */
export function addMessages(app: FastifyInstance, deps: PartDeps & { logName: () => string }): void {
  const { core, counts } = deps;

  app.get(MESSAGES, async (request, reply) => {
    const lastEventId = request.headers["last-event-id"];
    const start = startOf(
      queryText(request, "after_seq"),
      typeof lastEventId === "string" ? lastEventId : undefined,
    );
    if (start === undefined) throw codedError("cursor_invalid", "after_seq is the seq of a message, or 0");
    const session = granted(await core.find(callerOf(request), sessionOf(request)));
    if (/\btext\/event-stream\b/i.test(request.headers.accept ?? ""))
      return await sendStream(request, reply, deps, { session, start });
    return reply
      .type("application/json; charset=utf-8")
      .send(Readable.from(listOf(request, reply, deps, { session, start })));
  });

  app.post(MESSAGES, async (request, reply) => {
    const { event_type: type, payload } = checkedBody(request, MESSAGE_BODY).value;
    const caller = callerOf(request);
    const session = granted(await core.find(caller, sessionOf(request)));
    const turn = Buffer.from(JSON.stringify({ user_input: promptOf(payload) }));
    const key = request.headers["idempotency-key"];
    const message = {
      type,
      data: dataOf(payload),
      turn,
      ...(typeof key === "string" ? { key: `key ${key}` } : {}),
    };
    const { seq, at, repeated } = granted(await core.deliver(caller, session, message));
    if (!repeated) countIn(counts.appends, "push");
    const stored = { id: messageId(seq, deps.logName()), session: session.id, seq, type, payload, at };
    return reply.code(201).type("application/json; charset=utf-8").send(messageJson(stored));
  });
}

type Wanted = { session: Session; start: Start };

/** A list of everything that lies in the log, written as it is read. */
async function* listOf(
  request: FastifyRequest,
  reply: FastifyReply,
  { streams }: PartDeps,
  { session, start }: Wanted,
): AsyncGenerator<string, void> {
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort());
  const { ended } = callerOf(request);
  const messages = watchMessages(streams, { session, start, ended, gone: gone.signal, once: true });
  let before = "[";
  for (;;) {
    const next = await messages.next();
    if (next.done !== true) yield `${before}${messageJson(next.value)}`;
    else if (next.value === "caught_up") return yield before === "[" ? "[]" : "]";
    else throw codedError("log_unreachable", `the list is not whole: ${next.value}`); // a broken answer is seen
    before = ",";
  }
}

async function sendStream(
  request: FastifyRequest,
  reply: FastifyReply,
  { streams, gate, counts, log }: PartDeps,
  { session, start }: Wanted,
): Promise<FastifyReply> {
  const { ended } = callerOf(request);
  const place = granted(gate.watch(callerOf(request)));
  note(request, { closed: "gone" });
  countIn(counts.watchers, "sse");
  try {
    reply.hijack();
    const options = {
      session: session.name,
      start,
      ended,
      headers: reply.getHeaders(),
      form: formOf(session.id),
    };
    const { why, error } = await streamSse(streams, reply.raw, options);
    note(request, { closed: why });
    if (error !== undefined) log.error({ err: errorText(error), ...request.facts }, "a stream failed");
  } finally {
    countIn(counts.watchers, "sse", -1);
    place.giveBack();
  }
  return reply;
}

/** Messages as events of a stream. What says that something is missing has no id: it is not a place to come back to. */
function formOf(session: string): SseForm {
  const showing = createShowing(session);
  const bytesOf = (message: Message): Uint8Array =>
    sseBytes(Buffer.from(messageJson(message)), message.at === undefined ? undefined : String(message.seq));
  return {
    frames: (item: Sent) => showing.take(item).map(bytesOf),
    closed: () => undefined,
  };
}
