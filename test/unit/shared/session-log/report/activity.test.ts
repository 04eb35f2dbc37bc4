import { expect, test } from "vitest";
import { encodeSessionEnvelope } from "../../../../../src/shared/session-log/event/session-envelope.ts";
import type { StoredEvent } from "../../../../../src/shared/session-log/follow/stored-event.ts";
import { activityOf, type Activity } from "../../../../../src/shared/session-log/report/activity.ts";

/** `kind turn [request]` each, in the order of the log. */
function events(...lines: string[]): StoredEvent[] {
  return lines.map((line, i) => {
    const [kind = "", turn = "", request] = line.split(" ");
    const isDecision = kind === "decision";
    const body = Buffer.from(
      JSON.stringify(request === undefined ? {} : { request_id: request, allow: true }),
    );
    const owner = isDecision ? {} : { epoch: 1, n: i + 1 };
    const source = isDecision ? ("user" as const) : ("worker" as const);
    const envelope = { id: `e${i}`, source, kind, session: "s", turn, at: 0, body, ...owner };
    const subject = isDecision ? `rr.ses.s.in.decision.${request}` : `rr.ses.s.out.${kind}`;
    return { seq: i + 1, subject, data: encodeSessionEnvelope(envelope) };
  });
}

test.each<[string, number, StoredEvent[], Omit<Activity, "name">]>([
  ["none has begun", 2, [], { waiting: 2 }],
  ["one runs", 1, events("turn_started a"), { waiting: 0, running: { turn: "a", questions: [] } }],
  ["the newest one has ended, others wait", 3, events("turn_started a", "turn_ended a"), { waiting: 3 }],
  [
    "one that waited was cancelled meanwhile",
    1,
    events("turn_started a", "turn_ended b"),
    { waiting: 0, running: { turn: "a", questions: [] } },
  ],
  [
    "questions: one is open, one was decided, one resolved, and one was another turn's",
    2,
    events(
      "turn_started a",
      "permission_request a q1",
      "permission_request a q2",
      "permission_request a q3",
      "permission_request z q4",
      "decision - q2",
      "permission_resolved a q3",
    ),
    { waiting: 1, running: { turn: "a", questions: ["q1"] } },
  ],
  [
    "an end that came between the count and the reading",
    0,
    events("turn_started a"),
    { waiting: 0, running: { turn: "a", questions: [] } },
  ],
])("%s", (_, open, found, activity) => {
  expect(activityOf("s", open, found.toReversed())).toEqual({ name: "s", ...activity });
});
