import type { HttpErrorCode } from "../../base/errors.ts";

export type NotPassable = { code: HttpErrorCode; text: string };

/** TRACE and TRACK ask the coordinator to send the request back, including our credentials. CONNECT leads to other hosts. */
const REFUSED_METHODS = new Set(["TRACE", "TRACK", "CONNECT"]);

/** Some frameworks use the method in one of these headers instead of the request's own, so our checks would not apply to what is done. */
const OVERRIDES = new Set(["x-http-method-override", "x-http-method", "x-method-override"]);

/**
 * The reason why a request cannot be passed on, or undefined. Both the gateway (to answer at once) and the relay (which trusts no gateway) check this.
 * `headers` alternates names and values. `upgrade` is the requested protocol, if any. Pure.
 */
export function notPassable(request: {
  method: string;
  target: string;
  headers: readonly string[];
  upgrade?: string | undefined;
}): NotPassable | undefined {
  const { method, target, headers, upgrade } = request;
  if (REFUSED_METHODS.has(method.toUpperCase()))
    return { code: "method_not_forwarded", text: `${method} is not forwarded` };
  if (target === "*" && method !== "OPTIONS")
    return { code: "target_invalid", text: "the target * is for OPTIONS only" };
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (OVERRIDES.has(headers[i]?.toLowerCase() ?? ""))
      return { code: "method_not_forwarded", text: "a method in a header is not forwarded" };
  }
  if (upgrade === undefined) return undefined;
  return method === "GET" && upgrade.trim().toLowerCase() === "websocket"
    ? undefined
    : { code: "method_not_forwarded", text: "only GET upgrades, to a WebSocket" };
}
