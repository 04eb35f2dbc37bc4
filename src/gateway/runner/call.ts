import type { IncomingMessage, ServerResponse } from "node:http";
import type { Passage } from "../route/passage.ts";

/** Why a call no longer needs the coordinator's answer. */
export type Ended = "left" | "stopping";

/** One of a runner's own calls while it is served here. */
export type Call = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly passage: Passage;
  readonly body: Uint8Array;
  /** Monotonic time. */
  readonly began: number;
  readonly ended: Ended | undefined;
  /** Aborted when the call has ended. */
  readonly signal: AbortSignal;
};

/** Follows a call until its client left or the gateway stops; `done` runs when its response is closed, unless it is already. */
export function createCall(
  parts: Pick<Call, "request" | "response" | "passage" | "body" | "began">,
  /** A client that closed its side may still read. It counts as gone if the coordinator would claim a run for it. */
  leaves: "when_closed" | "when_half_closed",
  done: () => void,
): { call: Call; stop: () => void } {
  const { response } = parts;
  const abort = new AbortController();
  let ended: Ended | undefined;
  const end = (why: Ended): void => {
    if (ended !== undefined) return;
    ended = why;
    abort.abort();
  };
  if (response.destroyed) end("left");
  else {
    const { socket } = response;
    const halfClosed = (): void => {
      if (leaves === "when_half_closed") end("left");
    };
    socket?.once("end", halfClosed);
    if (socket?.readableEnded) halfClosed();
    response.once("close", () => {
      socket?.off("end", halfClosed);
      done();
      end("left");
    });
  }
  return {
    call: {
      ...parts,
      signal: abort.signal,
      get ended() {
        return ended;
      },
    },
    stop() {
      if (!response.headersSent) response.shouldKeepAlive = false;
      end("stopping");
    },
  };
}
