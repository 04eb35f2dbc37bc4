import { showAge, showTime } from "../../shared/base/show.ts";
import { operator } from "../../shared/messages/standing/session-standing.ts";

/** Who paused something, since when, and why. Pure. */
export function showPause(
  { reason, since, text, by }: { reason?: string; since: number; text: string; by?: string },
  now: number,
): string {
  const who = reason === "poison_stop" ? "a poison event" : operator(by);
  return `by ${who} since ${showTime(since)} (${showAge(now - since)})${text === "" ? "" : `: ${text}`}`;
}
