import { expect, test } from "vitest";
import { encodeSessionEnvelope } from "../../../../../src/shared/session-log/event/session-envelope.ts";
import type { StoredEvent } from "../../../../../src/shared/session-log/follow/stored-event.ts";
import { factOf } from "../../../../../src/shared/session-log/turns/fact.ts";

function said(kind: string, data: unknown, turn?: string): StoredEvent {
  const envelope = { id: "e1", source: "worker" as const, kind, session: "s", epoch: 2, n: 5, at: 0 };
  const body = new TextEncoder().encode(JSON.stringify(data));
  const whole = encodeSessionEnvelope({ ...envelope, ...(turn === undefined ? {} : { turn }), body });
  return { seq: 9, subject: `rr.ses.abc.out.${kind}`, data: whole };
}

function wanted(subject: string, kind: string, data: unknown, turn?: string): StoredEvent {
  const source = subject.startsWith("push") ? ("push" as const) : ("user" as const);
  const envelope = { id: "e1", source, kind, session: "s", at: 0, body: Buffer.from(JSON.stringify(data)) };
  const whole = encodeSessionEnvelope({ ...envelope, ...(turn === undefined ? {} : { turn }) });
  return { seq: 9, subject: `rr.ses.abc.in.${subject}`, data: whole };
}

const OUT = { seq: 9, out: { n: 5, epoch: 2, id: "e1" } };

test.each<[StoredEvent, object]>([
  [said("owner", {}), { ...OUT, type: "owner" }],
  [said("turn_started", {}, "t"), { ...OUT, type: "started", turn: "t" }],
  [
    said("turn_ended", { outcome: "cancelled" }, "t"),
    { ...OUT, type: "ended", turn: "t", outcome: "cancelled" },
  ],
  [said("turn_ended", { outcome: "odd" }, "t"), { ...OUT, type: "ended", turn: "t", outcome: "failed" }],
  [said("turn_ended", null), { ...OUT, type: "other" }],
  [said("permission_request", { request_id: "q" }, "t"), { ...OUT, type: "asked", request: "q", turn: "t" }],
  [said("permission_request", { request_id: "q" }), { ...OUT, type: "other" }],
  [said("permission_resolved", { request_id: "q" }), { ...OUT, type: "resolved", request: "q" }],
  [said("permission_resolved", [1]), { ...OUT, type: "other" }],
  [said("text", { text: "turn" }, "t"), { ...OUT, type: "other" }],
  [wanted("turn.h", "turn", {}, "t"), { seq: 9, type: "turn", turn: "t", at: 0 }],
  [wanted("cancel", "cancel", {}, "t"), { seq: 9, type: "cancel", turn: "t" }],
  [wanted("cancel", "cancel", {}), { seq: 9, type: "other" }],
  [
    wanted("decision.q", "decision", { allow: true, request_id: "other" }),
    { seq: 9, type: "decided", request: "q", allow: true },
  ],
  [
    wanted("decision.q", "decision", { allow: "yes" }),
    { seq: 9, type: "decided", request: "q", allow: false },
  ],
  [
    wanted("decision.q", "decision", { allow: false, message: "no", remember: true }),
    { seq: 9, type: "decided", request: "q", allow: false, message: "no", remember: true },
  ],
  [wanted("decision", "decision", { allow: true }), { seq: 9, type: "other" }],
  [wanted("input.i", "input_response", { response: "x" }), { seq: 9, type: "input" }],
  [wanted("mode.m", "permission_mode", { mode: "ask" }), { seq: 9, type: "mode", mode: "ask" }],
  [wanted("mode.m", "permission_mode", { mode: 1 }), { seq: 9, type: "other" }],
  [
    said("session_info", { thread_id: "th", runner: "r" }, "t"),
    { ...OUT, type: "thread", thread: { runner: "r", id: "th" } },
  ],
  [said("session_info", { model: "m", runner: "r" }, "t"), { ...OUT, type: "other" }],
  [wanted("push.p", "note", { outcome: "finished" }, "t"), { seq: 9, type: "other" }],
  [
    { seq: 9, subject: "rr.ses.abc.out.turn_ended", data: new Uint8Array([1]) },
    { seq: 9, type: "other" },
  ],
])("%# an event means what it says under its own subject", (stored, fact) => {
  expect(factOf(stored)).toEqual(fact);
});
