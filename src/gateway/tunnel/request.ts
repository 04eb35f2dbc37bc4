import type { IncomingMessage } from "node:http";
import type { HttpErrorCode } from "../../shared/base/errors.ts";
import { MAX_DATA_BYTES } from "../../shared/messages/tunnel/frame.ts";
import { endToEnd } from "../../shared/http/hop-by-hop.ts";
import { withTrace } from "../../shared/base/tracing.ts";
import type { Opening } from "../../shared/messages/tunnel/opening.ts";
import { readBody, refusalOf, type BodyOptions } from "../../shared/http/body.ts";
import type { Passage } from "../route/passage.ts";

/** Headers that are never passed on, because the relay writes its own. No credential of an executor reaches the coordinator, and no foreign host name (CRED-1). */
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

/** The same request, asking for an answer without content codings: it is about runs, and we have to read it. Pure. */
export function readable(opening: Opening): Opening {
  const { headers } = opening;
  const kept = headers.filter((_, i) => headers[i - (i % 2)]?.toLowerCase() !== "accept-encoding");
  return { ...opening, headers: [...kept, "accept-encoding", "identity"] };
}

/** Path and query as they came, also of a target in absolute form. Pure. */
export function targetOf(url: string): string {
  if (url === "*") return url;
  const rest = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "");
  const path = rest.split("#", 1)[0] ?? "";
  return path.startsWith("/") ? path : `/${path}`;
}

/** A body as it travels. `sent` is called when its bytes are no longer held here. */
export type Travelling = { kind: "body"; body: Opening["body"]; sent: () => void };

const nothing = (): void => undefined;

/**
 * Decides how the body travels. A small body of known length is read first, so that it goes with the opening. `then` is not called if the client goes away.
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

/** Do answers to this request name a run and its session? Pure. */
export function tellsOfRun(url: string): boolean {
  return /^\/+(?:runner\/runs|runs\/[^/?]+)\/?(?:\?|$)/.test(url);
}
