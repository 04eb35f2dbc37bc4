import type { Opening } from "./opening.ts";

/**
 * True if a request lasts until something happens: a runner's poll, a stream of events, an upgraded connection. A process that is stopping does not wait for
 * the end of such a request, because a poll is held for 30 s, and the others for as long as both sides want. Their clients send them again. Every other
 * request is work, and gets some time to finish. Pure.
 */
export function isOpenEnded({
  method,
  target,
  headers,
  upgrade,
}: Pick<Opening, "method" | "target" | "headers" | "upgrade">): boolean {
  if (upgrade !== undefined) return true;
  if (method !== "GET") return false;
  const path = (target.split("?", 1)[0] ?? "").replace(/^\/+|\/+$/g, "");
  return path === "runner/runs" || headers.some((name, i) => i % 2 === 0 && isStream(name, headers[i + 1]));
}

function isStream(name: string, value = ""): boolean {
  return name.toLowerCase() === "accept" && /(?:^|[\s,])text\/event-stream(?:$|[\s,;])/i.test(value);
}
