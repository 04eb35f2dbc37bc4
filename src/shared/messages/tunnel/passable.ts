import type { HttpErrorCode } from "../../base/errors.ts";

export type NotPassable = { code: HttpErrorCode; text: string };

/** TRACE asks the coordinator to send the request back, our credentials included; TRACK is the same under another name. CONNECT leads elsewhere. */
const REFUSED_METHODS = new Set(["TRACE", "TRACK", "CONNECT"]);

/** Frameworks that know one of these act on its method and not on the request's: what was judged is not what would be done. */
const OVERRIDES = new Set(["x-http-method-override", "x-http-method", "x-method-override"]);

/**
 * Why a request cannot be passed on, if it cannot. Asked by the gateway, whose answer comes at once, and by the relay, which
 * trusts no gateway. `headers` alternates names and values; `upgrade` is the protocol that is asked for, if any. Pure.
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
