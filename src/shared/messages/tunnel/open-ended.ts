import type { Opening } from "./opening.ts";

/**
 * Does a request last until something happens: a runner's poll, a stream of events, an upgraded connection? A process that stops does not
 * wait for the end of one, because that would be waiting for nothing: a poll is held for 30 s, and the others for as long as both sides like.
 * Its client sends it again. Everything else is work, and gets some time. Pure.
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
