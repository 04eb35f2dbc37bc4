import type { IncomingMessage } from "node:http";
import type { Clock } from "../../shared/clock.ts";
import { MAX_DATA_BYTES } from "../../shared/tunnel/frame.ts";
import { endToEnd } from "../../shared/tunnel/headers.ts";
import { withTrace } from "../../shared/tracing.ts";
import type { Opening } from "../../shared/tunnel/opening.ts";
import type { Passage } from "../passage.ts";

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

/** Path and query as they came; of an absolute-form target only those. Pure. */
function targetOf(url: string): string {
  if (url === "*") return url;
  const rest = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "");
  const path = rest.split("#", 1)[0] ?? "";
  return path.startsWith("/") ? path : `/${path}`;
}

/**
 * Says how the body travels; a small one of known length is read first, so that it goes with the opening. `then` gets undefined if that
 * takes longer than `limitMs`.
 */
export function readSmallBody(
  request: IncomingMessage,
  options: { start: () => void; limitMs: number; clock: Clock },
  then: (body: Opening["body"] | undefined) => void,
): void {
  const { start, limitMs, clock } = options;
  const { headers } = request;
  const length = headers["content-length"] === undefined ? undefined : Number(headers["content-length"]);
  if (headers["transfer-encoding"] !== undefined || (length !== undefined && length > MAX_DATA_BYTES)) {
    start();
    return then(length === undefined ? { kind: "frames" } : { kind: "frames", length });
  }
  if (length === undefined) {
    request.resume();
    return then({ kind: "none" });
  }
  start();
  let chunks: Buffer[] | undefined = [];
  const cancel = clock.after(limitMs, () => {
    chunks = undefined;
    then(undefined);
  });
  request.on("data", (chunk: Buffer) => chunks?.push(chunk));
  request.on("close", cancel);
  request.on("end", () => {
    cancel();
    if (chunks !== undefined) then({ kind: "whole", bytes: Buffer.concat(chunks) });
  });
}

/** Answers to these name a run and its session. Pure. */
export function tellsOfRun(url: string): boolean {
  return /^\/+(?:runner\/runs|runs\/[^/?]+)\/?(?:\?|$)/.test(url);
}
