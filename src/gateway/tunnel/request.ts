import type { IncomingMessage } from "node:http";
import type { HttpErrorCode } from "../../shared/base/errors.ts";
import { MAX_DATA_BYTES } from "../../shared/messages/tunnel/frame.ts";
import { endToEnd } from "../../shared/http/hop-by-hop.ts";
import { withTrace } from "../../shared/base/tracing.ts";
import type { Opening } from "../../shared/messages/tunnel/opening.ts";
import { readBody, refusalOf, type BodyOptions } from "../../shared/http/body.ts";
import type { Passage } from "../route/passage.ts";

/** Never passed on: the relay writes its own (CRED-1: no credential of an executor's reaches the coordinator, nor a foreign host name). */
const DROPPED = new Set(["host", "authorization", "cookie", "expect", "content-length"]);

/** What is passed on of a request. */
export function openingOf(
  request: IncomingMessage,
  body: Opening["body"],
  gateway: string,
  passage: Passage,
  upgrade?: string,
): Opening {
  const headers = endToEnd(request.rawHeaders, DROPPED);
  return {
    v: 1,
    method: request.method ?? "GET",
    target: targetOf(request.url ?? "/"),
    headers: passage.trace === undefined ? headers : withTrace(headers, passage.trace),
    body,
    gateway,
    id: passage.id,
    ...(upgrade === undefined ? {} : { upgrade }),
  };
}

/** The same with an answer that we can read: it tells of runs, and a packed one would tell us nothing. Pure. */
export function readable(opening: Opening): Opening {
  const { headers } = opening;
  const kept = headers.filter((_, i) => headers[i - (i % 2)]?.toLowerCase() !== "accept-encoding");
  return { ...opening, headers: [...kept, "accept-encoding", "identity"] };
}

/** Path and query as they came; of an absolute-form target only those. Pure. */
export function targetOf(url: string): string {
  if (url === "*") return url;
  const rest = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "");
  const path = rest.split("#", 1)[0] ?? "";
  return path.startsWith("/") ? path : `/${path}`;
}

/** A body as it travels; `sent` says that its bytes are no longer held here. */
export type Travelling = { kind: "body"; body: Opening["body"]; sent: () => void };

const nothing = (): void => undefined;

/**
 * Says how the body travels; a small one of known length is read first, so that it goes with the opening. `then` is not called for a client
 * that went away.
 */
export function readSmallBody(
  request: IncomingMessage,
  options: Omit<BodyOptions, "limit">,
  then: (body: Travelling | { kind: "refused"; code: HttpErrorCode; detail: string }) => void,
): void {
  const { headers } = request;
  const length = headers["content-length"] === undefined ? undefined : Number(headers["content-length"]);
  if (headers["transfer-encoding"] !== undefined || (length !== undefined && length > MAX_DATA_BYTES)) {
    options.start();
    const body = length === undefined ? { kind: "frames" as const } : { kind: "frames" as const, length };
    return then({ kind: "body", body, sent: nothing });
  }
  if (length === undefined) {
    request.resume();
    return then({ kind: "body", body: { kind: "none" }, sent: nothing });
  }
  readBody(request, { ...options, limit: MAX_DATA_BYTES }, (result) => {
    if (result.kind === "body")
      then({ kind: "body", body: { kind: "whole", bytes: result.bytes }, sent: result.release });
    else if (result.kind !== "aborted") then({ kind: "refused", ...refusalOf(result.kind, MAX_DATA_BYTES) });
  });
}

/** Answers to these name a run and its session. Pure. */
export function tellsOfRun(url: string): boolean {
  return /^\/+(?:runner\/runs|runs\/[^/?]+)\/?(?:\?|$)/.test(url);
}
