import type { SessionEvent, Watched } from "../../client/sessions/index.ts";
import { printable } from "../render/text.ts";
import { cut, widthOf } from "../render/width.ts";
import { paint, type Screen, type Style } from "../render/screen.ts";

/** Characters of an event's data that are shown if nothing else limits the line. */
const SHORT = 160;

const STYLES: Record<string, Style> = {
  text: "good",
  error: "bad",
  gap: "bad",
  reset: "bad",
  permission_request: "wait",
  input_required: "wait",
};

/** What an event says, in one line: its text if it has one, otherwise its data. Pure. */
export function saidIn({ type, data }: Pick<SessionEvent, "type" | "data">): string {
  const { text, message, name, tool_name: tool, outcome } = data;
  if ((type === "text" || type === "thinking") && typeof text === "string") return text;
  if (type === "turn_ended" && typeof outcome === "string")
    return typeof message === "string" ? `${outcome}: ${message}` : outcome;
  if (type === "turn" && typeof data["user_input"] === "string") return data["user_input"];
  if (["error", "input_required", "status"].includes(type) && typeof message === "string") return message;
  const called = [name, tool].find((it) => typeof it === "string");
  const rest = Object.fromEntries(
    Object.entries(data).filter(([field]) => !["name", "tool_name", "id", "request_id"].includes(field)),
  );
  const shown = Object.keys(rest).length === 0 ? "" : JSON.stringify(rest);
  return [called, shown].filter((it) => typeof it === "string" && it !== "").join(" ");
}

/** A line for people about something that happened in a session. */
export function eventLine(item: Watched, screen: Screen): string {
  const isEvent = "seq" in item;
  const parts: [string, Style?][] = [
    [isEvent ? item.timestamp.slice(11, 23) : "", "quiet"],
    [isEvent ? String(item.seq) : "", "quiet"],
    [item.type, STYLES[item.type] ?? "head"],
    [isEvent ? (item.turn_id ?? "") : "", "name"],
    [saidIn(item)],
  ];
  let room = screen.columns ?? Infinity;
  let line = "";
  for (const [raw, style] of parts) {
    const text = printable(raw);
    const gap = line === "" ? 0 : 2;
    if (text === "" || room <= gap) continue;
    const shown = cut(text, Math.min(room - gap, Math.max(SHORT, screen.columns ?? 0)));
    line += " ".repeat(gap) + paint(screen, style, shown);
    room -= gap + widthOf(shown);
  }
  return line;
}
