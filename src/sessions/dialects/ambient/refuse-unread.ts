import type { ServerResponse } from "node:http";
import type { ConnectError } from "@connectrpc/connect";
import { nameOf } from "./status.ts";

/** What a client of a call gets for it without its message being read. */
export type UnreadAnswer = { status: number; headers: Record<string, string>; body: Buffer };

/** In an envelope of the Connect protocol: these are the last words of a stream. */
const END_OF_STREAM = 2;

/** The answer in the protocol that the request's `Content-Type` names. `httpStatus` is for that which has one. Pure. */
export function unreadAnswer(
  contentType: string,
  { code, rawMessage: message }: ConnectError,
  httpStatus: number,
): UnreadAnswer {
  const error = { code: nameOf(code), message };
  if (/^application\/grpc\b/i.test(contentType)) {
    const headers = {
      "content-type": contentType,
      "grpc-status": String(code),
      "grpc-message": message.replaceAll(/[^ -$&-~]+/g, encodeURIComponent),
    };
    return { status: 200, headers, body: Buffer.alloc(0) };
  }
  if (/^application\/connect\+/i.test(contentType)) {
    const text = Buffer.from(JSON.stringify({ error }));
    const head = Buffer.alloc(5);
    head.writeUInt8(END_OF_STREAM, 0);
    head.writeUInt32BE(text.length, 1);
    return { status: 200, headers: { "content-type": contentType }, body: Buffer.concat([head, text]) };
  }
  const headers = { "content-type": "application/json" };
  return { status: httpStatus, headers, body: Buffer.from(JSON.stringify(error)) };
}

/** How long the rest of a refused request may take before its connection is closed (HTTP/1.1), so that its sender sees the answer. */
const DISCARD_MS = 2000;

/** Sends it. What the client still sends is read and forgotten. */
export function sendUnread(response: ServerResponse, answer: UnreadAnswer): void {
  if (response.headersSent || response.destroyed) return;
  const { req: request } = response;
  response.statusCode = answer.status;
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
  // without a body the head itself is the end of an HTTP/2 stream: only there clients of gRPC look for a status in it
  if (answer.body.length > 0) response.end(answer.body);
  else response.end();
  if (request.complete) return;
  const timer = setTimeout(() => request.destroy(), DISCARD_MS);
  timer.unref();
  request.once("close", () => clearTimeout(timer));
  request.resume();
}
