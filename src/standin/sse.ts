import type { ServerResponse } from "node:http";
import type { Clock } from "../shared/base/clock.ts";
import type { JsonObject } from "./validation.ts";

/** Kinds of stream events and how their ids shorten them. */
const SHORT = {
  init: "ini",
  session_created: "scr",
  session_updated: "sup",
  session_deleted: "sdl",
  event: "evt",
} as const;
export type StreamEvent = keyof typeof SHORT;

const STREAM_HEAD = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  "x-accel-buffering": "no",
  vary: "Origin",
};

export type Broadcaster = ReturnType<typeof createBroadcaster>;

/** The listeners at `GET /sse/sessions`. A comment line every `heartbeatMs` keeps quiet streams open. */
export function createBroadcaster(deps: { clock: Clock; heartbeatMs: number }) {
  const listeners = new Set<{ response: ServerResponse; sessionId: string | null }>();
  let lastMs = 0;
  let sequence = 0;

  function line(kind: StreamEvent, data: JsonObject): string {
    const ms = deps.clock.wall();
    sequence = ms === lastMs ? sequence + 1 : 1;
    lastMs = ms;
    const id = `${ms}-${SHORT[kind]}-${String(sequence).padStart(3, "0")}`;
    return `id: ${id}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
  }

  return {
    /** True while there are no listeners, so that callers need not make the data. */
    get idle(): boolean {
      return listeners.size === 0;
    },

    send(kind: StreamEvent, sessionId: string, data: JsonObject): void {
      if (listeners.size === 0) return;
      const text = line(kind, data);
      for (const { response, sessionId: wanted } of listeners) {
        if (wanted === null || wanted === sessionId) response.write(text);
      }
    },

    /** Opens a stream; `init` is its first event unless it is undefined. */
    open(response: ServerResponse, sessionId: string | null, init: JsonObject | undefined): void {
      response.writeHead(200, STREAM_HEAD);
      response.flushHeaders();
      if (init !== undefined) response.write(line("init", init));
      const listener = { response, sessionId };
      listeners.add(listener);
      let cancel = (): void => {};
      const beat = (): void => {
        response.write(": heartbeat\n\n");
        cancel = deps.clock.after(deps.heartbeatMs, beat);
      };
      cancel = deps.clock.after(deps.heartbeatMs, beat);
      response.on("close", () => {
        cancel();
        listeners.delete(listener);
      });
    },
  };
}
