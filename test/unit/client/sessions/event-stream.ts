import type { ClientClock } from "../../../../src/client/index.ts";
import type { Step } from "../../../support/scripted-server.ts";

/** How a stream goes on after its last word. */
type End = "ends" | "breaks" | "stays";

/** A stream of server-sent events with this text. */
export function stream(body: string, end: End = "ends"): Step {
  return (response) => {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    if (end === "ends") return void response.end(body);
    response.write(body, () => {
      // once it has left, or a reset would take it along
      if (end === "breaks") setImmediate(() => response.socket?.resetAndDestroy());
    });
  };
}

/** One event as the server sends it. */
export function event(seq: number, type: string, more: Record<string, unknown> = {}): string {
  const whole = { seq, session_id: "s", type, source: "worker", data: {}, timestamp: "", ...more };
  return `id: ${seq}.log\ndata: ${JSON.stringify(whole)}\n\n`;
}

export function notice(type: string, data: Record<string, unknown> = {}): string {
  return `data: ${JSON.stringify({ type, ...data })}\n\n`;
}

/** Time that passes when it is waited for, but for limits from a minute on or those that are named, which are real. `waits` has the others. */
export function fastClock(real: readonly number[] = []): ClientClock & { waits: number[] } {
  let now = 0;
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    wall: () => now,
    after(ms, fn) {
      if (real.includes(ms)) {
        const timer = setTimeout(fn, ms);
        return () => clearTimeout(timer);
      }
      waits.push(ms);
      now += ms;
      const soon = setImmediate(fn);
      return () => clearImmediate(soon);
    },
  };
}
