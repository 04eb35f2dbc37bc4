import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Tried } from "../../../../src/gateway/runner/attempt.ts";
import { createCall, type Call } from "../../../../src/gateway/runner/call.ts";
import type { HttpErrorCode } from "../../../../src/shared/base/errors.ts";
import type { Clock } from "../../../../src/shared/base/clock.ts";

/** A response as far as the shield looks at one. */
export class FakeResponse extends EventEmitter {
  headersSent = false;
  destroyed = false;
  closed = false;
  writableFinished = false;
  shouldKeepAlive = true;
  socket = Object.assign(new EventEmitter(), { readableEnded: false });
  status = 0;
  headers: Record<string, string> = {};
  body = "";
  /** Does the answer get to the client? */
  arrives = true;

  writeHead(status: number, headers: Record<string, string>): void {
    this.headersSent = true;
    this.status = status;
    this.headers = headers;
  }

  end(body?: Uint8Array): void {
    this.body = Buffer.from(body ?? "").toString();
    if (!this.arrives) return this.leave();
    this.writableFinished = true;
    this.emit("finish");
    this.leave();
  }

  /** The connection ends. */
  leave(): void {
    this.destroyed = true;
    this.closed = true;
    this.emit("close");
  }
}

export type FakeCall = { call: Call; response: FakeResponse; stop: () => void };

export function fakeCall(clock: Clock, body = ""): FakeCall {
  const response = new FakeResponse();
  const parts = {
    request: {} as IncomingMessage,
    response: response as unknown as ServerResponse,
    passage: { id: "q1", trace: undefined },
    body: Buffer.from(body),
    began: clock.now(),
  };
  return { ...createCall(parts, "when_half_closed", () => undefined), response };
}

export function answer(status: number, body: unknown = "", headers: string[] = []): Tried {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return {
    kind: "answer",
    answer: { status, statusText: "", headers, body: Buffer.from(text), trailers: [] },
  };
}

export function failed(code: HttpErrorCode): Tried {
  return { kind: "failed", code, detail: "" };
}

/** As the shield does, on a {@link FakeResponse}. */
export function handOn({ response }: Call, tried: Extract<Tried, { kind: "answer" | "failed" }>): void {
  const [status, body] =
    tried.kind === "answer" ? [tried.answer.status, tried.answer.body] : [503, Buffer.from(tried.code)];
  response.writeHead(status, {});
  response.end(body);
}
