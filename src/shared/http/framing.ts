import type { IncomingMessage } from "node:http";

/**
 * The reason why the end of a request's body is ambiguous, or undefined (RFC 9112, 6): a coding other than `chunked` would be lost on the way, HTTP/1.0
 * has no chunks, and after an upgrade the bytes belong to the new protocol. Pure.
 */
export function framingProblem(
  request: Pick<IncomingMessage, "headers" | "httpVersion">,
  upgrade: boolean,
): string | undefined {
  const { "transfer-encoding": coding, "content-length": length } = request.headers;
  if (coding !== undefined) {
    if (coding.toLowerCase() !== "chunked") return "the transfer coding must be chunked and nothing else";
    if (request.httpVersion === "1.0") return "HTTP/1.0 has no transfer coding";
  }
  if (upgrade && (coding !== undefined || (length !== undefined && Number(length) !== 0)))
    return "an upgrade has no body";
  return undefined;
}
