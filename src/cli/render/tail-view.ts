import type { Tailed } from "../../operate/tail.ts";
import type { VerdictName } from "../../shared/log/state/verdicts.ts";
import { readable, readableBody } from "../readable.ts";
import { paint, type Screen, type Style } from "./screen.ts";
import { fitLine } from "./fit-line.ts";
import { printable } from "./text.ts";
import { cut, widthOf } from "./width.ts";

/** Characters of a body that are shown if nothing else limits the line. */
const SHORT_BODY = 120;
/** Session ids are aligned up to this width. */
const MOST_SESSION = 24;

export const VERDICT_STYLE: Record<VerdictName, Style> = {
  pending: "wait",
  delivered: "good",
  superseded: "quiet",
  dead: "bad",
  dropped: "bad",
};

/** Lines for people, one per event, with the day before its first event. `body`: prints the whole body below each line. */
export function createTailView(screen: Screen, { body }: { body: boolean }): (event: Tailed) => string {
  let day = "";
  let width = 0;
  return (event) => {
    const at = new Date(event.envelope?.at ?? event.stored).toISOString();
    const lines: string[] = [];
    if (at.slice(0, 10) !== day) {
      day = at.slice(0, 10);
      lines.push(paint(screen, "quiet", `${day} UTC`));
    }
    const session = printable(event.address.session);
    width = Math.max(width, Math.min(MOST_SESSION, widthOf(session)));
    const parts: [string, Style?][] = [
      [at.slice(11), "quiet"],
      [session + " ".repeat(Math.max(0, width - widthOf(session))), "name"],
      [String(event.seq), "quiet"],
      [event.address.origin === "replay" ? `${event.address.kind} again` : event.address.kind],
      ...(event.became === undefined
        ? []
        : [[event.became.verdict, VERDICT_STYLE[event.became.verdict]] satisfies [string, Style]]),
      ...restOf(event, body),
    ];
    lines.push(fitLine(parts, screen));
    if (body && event.envelope !== undefined) lines.push(wholeBody(event.envelope));
    return lines.join("\n");
  };
}

function restOf(event: Tailed, body: boolean): [string, Style?][] {
  if (event.envelope === undefined) return [[event.problem, "bad"]];
  const { envelope, became } = event;
  const value = readableBody(envelope.body, envelope.type);
  const { event_type: type, ...more } = fieldsOf(value);
  const name = envelope.run?.report ?? (typeof type === "string" ? type : undefined);
  const reason: [string, Style?][] = became?.verdict === "dead" ? [[became.letter.reason, "bad"]] : [];
  const short =
    typeof value === "string" ? value : (saidIn(more) ?? JSON.stringify(isObject(value) ? more : value));
  return [
    ...(name === undefined ? [] : [[name, "head"] satisfies [string, Style]]),
    ...reason,
    ...(body ? [] : [[cut(printable(short), SHORT_BODY)] satisfies [string]]),
  ];
}

/** The fields that the line does not show already. */
function fieldsOf(body: unknown): Record<string, unknown> {
  const fields: Record<string, unknown> = isObject(body) ? { ...body } : {};
  delete fields["session_id"];
  delete fields["timestamp"];
  return fields;
}

/** The text of a message without its JSON, which alone would fill a line of 80 columns. Undefined if the message holds anything else. */
function saidIn({ role, content, ...others }: Record<string, unknown>): string | undefined {
  if (typeof role !== "string" || !Array.isArray(content) || Object.keys(others).length > 0) return undefined;
  const texts: string[] = [];
  for (const part of content as unknown[]) {
    if (!isObject(part) || !("type" in part && part.type === "text")) return undefined;
    if (!("text" in part && typeof part.text === "string")) return undefined;
    texts.push(part.text);
  }
  return `${role}: ${texts.join(" ")}`;
}

function isObject(body: unknown): body is object {
  return typeof body === "object" && body !== null && !Array.isArray(body);
}

function wholeBody({ body, type }: NonNullable<Tailed["envelope"]>): string {
  const value = readableBody(body, type);
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return text
    .split("\n")
    .map((line) => `  ${printable(line)}`)
    .join("\n");
}

/** One line of JSON for programs. Numbers of the body are written exactly as they came. */
export function tailJson(event: Tailed): string {
  const { seq, stored, address, became } = event;
  const outcome =
    became === undefined
      ? {}
      : became.verdict === "dead"
        ? { verdict: "dead", reason: became.letter.reason, status: became.letter.status }
        : became;
  if (event.envelope === undefined) {
    const { session, kind, runner } = address;
    return JSON.stringify({
      stream_seq: seq,
      stored,
      session,
      kind,
      runner,
      problem: event.problem,
      ...outcome,
    });
  }
  return JSON.stringify({
    stream_seq: seq,
    stored,
    origin: address.origin,
    ...outcome,
    ...readable(event.envelope),
  });
}
