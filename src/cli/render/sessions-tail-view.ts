import type { TailedEvent } from "../../operate/tail-sessions.ts";
import { eventJson, type SessionEvent } from "../../shared/session-log/event/session-event.ts";
import { readableBody } from "../readable.ts";
import { saidIn } from "../sessions/event-text.ts";
import { fitLine } from "./fit-line.ts";
import { paint, type Screen, type Style } from "./screen.ts";
import { printable } from "./text.ts";
import { cut, widthOf } from "./width.ts";

/** Characters of an event's data that are shown if nothing else limits the line. */
const SHORT = 120;
/** Session ids are aligned up to this width. */
const MOST_SESSION = 24;

/** Lines for people, one per event of an agent session, with the day before its first event. `body`: prints the whole data below each line. */
export function createSessionsView(screen: Screen, { body }: { body: boolean }): (of: TailedEvent) => string {
  let day = "";
  let width = 0;
  return ({ stored, event }) => {
    const at = "timestamp" in event ? event.timestamp : stored.toISOString();
    const lines: string[] = [];
    if (at.slice(0, 10) !== day) {
      day = at.slice(0, 10);
      lines.push(paint(screen, "quiet", `${day} UTC`));
    }
    const session = "session_id" in event ? printable(event.session_id) : "";
    width = Math.max(width, Math.min(MOST_SESSION, widthOf(session)));
    const parts: [string, Style?][] = [
      [at.slice(11), "quiet"],
      [session + " ".repeat(Math.max(0, width - widthOf(session))), "name"],
      [String(event.seq), "quiet"],
      ["code" in event ? `${event.type} (${event.code})` : event.type, "code" in event ? "bad" : "head"],
      ...("code" in event ? [] : restOf(event, body)),
    ];
    lines.push(fitLine(parts, screen));
    if (body && !("code" in event)) lines.push(wholeData(event));
    return lines.join("\n");
  };
}

function restOf({ type, turn_id: turn, data }: SessionEvent, body: boolean): [string, Style?][] {
  const value = readableBody(data, "application/json");
  const said = isObject(value) ? saidIn({ type, data: value }) : JSON.stringify(value);
  return [
    ...(turn === undefined ? [] : [[turn, "name"] satisfies [string, Style]]),
    ...(body || said === "" ? [] : [[cut(printable(said), SHORT)] satisfies [string]]),
  ];
}

function wholeData({ data }: SessionEvent): string {
  const text = JSON.stringify(readableBody(data, "application/json"), null, 2);
  return text.replaceAll(/^/gm, "  ");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** One object, as every protocol shows an event. */
export function sessionsJson({ event }: TailedEvent): string {
  return "code" in event ? JSON.stringify(event) : eventJson(event);
}
