import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpErrorCode } from "../base/errors.ts";
import { problemOf } from "./problem.ts";

/** How long the rest of a refused body is read, so that its sender can read the refusal before the connection ends. */
const DISCARD_MS = 2000;
/** Most pieces of that rest. 4 MiB come in a hundred; a body in chunks of one byte would delay all others. */
const DISCARD_PIECES = 4096;

/**
 * Sends a complete answer. Returns false if the client may not have read it. A client that closed its side may be gone or may still read, so it is
 * answered, but the caller must treat the answer as unseen.
 */
export function send(
  response: ServerResponse,
  status: number,
  headers: Record<string, string | string[]>,
  body: string | Uint8Array,
): boolean {
  if (response.headersSent || response.destroyed) return false;
  headers["content-length"] = String(typeof body === "string" ? Buffer.byteLength(body) : body.length);
  const reads = response.socket?.readableEnded !== true;
  response.writeHead(status, headers);
  response.end(body);
  return reads;
}

/** Sends an error answer of the catalogue, with more headers if there are some. */
export function sendProblem(
  response: ServerResponse,
  code: HttpErrorCode,
  detail: string,
  more: Record<string, string> = {},
): boolean {
  const { status, headers, body } = problemOf(code, detail);
  return send(response, status, { ...headers, ...more }, body);
}

/** Refuses a method of a path that has others. `allow`: their list for the `Allow` header. */
export function refuseMethod(request: IncomingMessage, response: ServerResponse, allow: string): void {
  const detail = `this path has only ${allow}`;
  if (request.complete) sendProblem(response, "method_not_allowed", detail, { allow });
  else refuseUnread(request, response, "method_not_allowed", detail, { allow });
}

/**
 * Sends an error answer to a request whose body was not read completely, and then closes the connection. Closing it with unread bytes would reset it and
 * lose the answer, so a part of the body is read and dropped.
 */
export function refuseUnread(
  request: IncomingMessage,
  response: ServerResponse,
  code: HttpErrorCode,
  detail: string,
  more: Record<string, string> = {},
): void {
  if (response.headersSent || response.destroyed) return;
  const { status, headers, body } = problemOf(code, detail);
  if (request.httpVersionMajor > 1) {
    // what is not read of a stream is in nobody's way
    response.writeHead(status, { ...headers, ...more, "content-length": String(body.length) });
    return void response.end(body);
  }
  response.writeHead(status, {
    ...headers,
    ...more,
    "content-length": String(body.length),
    connection: "close",
  });
  response.write(body);
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  timer = setTimeout(end, DISCARD_MS);
  timer.unref();
  if (request.complete) return end();
  request.once("end", end);
  request.once("close", end);
  let pieces = 0;
  request.on("data", () => {
    if (++pieces === DISCARD_PIECES) end();
  });
  request.resume();
}
