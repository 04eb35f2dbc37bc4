import { leashed } from "./abort.ts";
import { GatewayError } from "./error.ts";
import { createSseParser, type SseMessage } from "./sse.ts";
import { failure, refusal, send, timeout, type Later, type Wire } from "./wire.ts";

/** Longest message of a stream, characters. The server's events have at most 1 MiB. */
const MAX_MESSAGE_CHARS: number = 4 * 1024 * 1024;
/** The server says something every 15 s. After three times that the connection is taken for dead. */
export const SILENCE_MS = 45_000;

/** What a stream gives. `alive`: something came, perhaps a heartbeat. */
export type Streamed = { kind: "alive" } | { kind: "message"; message: SseMessage } | Later;

/** Reads one stream of server-sent events until it ends; the last item is `later` if it did not end by itself. Throws what no further attempt can change. */
export async function* openStream(
  wire: Wire,
  path: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Streamed, void, undefined> {
  const leash = leashed([wire.closing, signal]);
  let cancelLimit = wire.clock.after(wire.timeoutMs, () => leash.abort(timeout(wire.timeoutMs)));
  try {
    const headers = { accept: "text/event-stream" };
    const response = await send(wire, { method: "GET", path, headers }, leash);
    if (response.status !== 200) return yield await refusal(wire, response);
    if (!/^text\/event-stream\b/i.test(response.headers.get("content-type") ?? ""))
      throw new GatewayError("bad_answer", "the answer is not a stream of events", { status: 200 });
    if (response.body === null) return;
    const parser = createSseParser(MAX_MESSAGE_CHARS);
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      cancelLimit();
      cancelLimit = wire.clock.after(SILENCE_MS, () => leash.abort(timeout(SILENCE_MS)));
      const { done, value } = await reader.read();
      cancelLimit(); // how long the consumer takes does not count
      if (done) return;
      yield { kind: "alive" };
      for (const message of parser.push(decoder.decode(value, { stream: true })))
        yield { kind: "message", message };
    }
  } catch (error) {
    yield failure(wire, leash, error);
  } finally {
    cancelLimit();
    leash.release();
    leash.abort(undefined);
  }
}
